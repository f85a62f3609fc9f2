package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// enrol adds, approves and keys every device that the run needs, over the local
// socket as the command line does, and keeps the keys for all servers.
func (s *stage) enrol(ctx context.Context) (err error) {
	if _, err := os.Stat(s.keys()); err == nil {
		return nil
	}
	state, err := s.state("haechi-device")
	if err != nil {
		return err
	}
	p, err := s.startDevice(ctx, deviceGate)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	var d net.Dialer
	c := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return d.DialContext(ctx, "unix", filepath.Join(state, "haechi.sock"))
	}}}
	n := s.devices
	if s.parts["idle"] {
		n = max(n, s.idle)
	}
	began := time.Now()
	all := make([]enrolled, n)
	for i := range all {
		if all[i], err = enrolOne(ctx, c, i); err != nil {
			return fmt.Errorf("enrol device %d: %w", i, err)
		}
	}
	progress("%d devices enrolled in %v", n, time.Since(began).Round(time.Millisecond))
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return os.WriteFile(s.keys(), text, 0o600)
}

func enrolOne(ctx context.Context, c *http.Client, i int) (enrolled, error) {
	e := enrolled{Bot: "LOA.i", Serial: fmt.Sprintf("%016x", 0x0123456789000000+i)}
	key := e.Bot + "/" + e.Serial
	if err := post(ctx, c, "devices/add", map[string]string{"service": "bots", "device": key}, nil); err != nil {
		return e, err
	}
	if err := post(ctx, c, "devices/status", map[string]string{"device": key, "status": "approved", "reason": "benchmark"}, nil); err != nil {
		return e, err
	}
	return e, post(ctx, c, "devices/key", map[string]string{"device": key}, &e)
}

func post(ctx context.Context, c *http.Client, path string, body map[string]string, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://local/api/v1/"+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := c.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	got, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil || res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s (%w)", path, res.Status, got, err)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(got, into)
}
