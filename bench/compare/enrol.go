package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"haechi"
	"haechi/internal/record/sqlite"
)

// enrol writes every device that the run needs into the gateway's records, approved
// and with a key, and keeps the keys for all servers. One by one over the local socket
// it would take minutes.
func (s *stage) enrol(ctx context.Context) (err error) {
	if _, err := os.Stat(s.keys()); err == nil {
		return nil
	}
	dir, err := s.state("haechi-device")
	if err != nil {
		return err
	}
	store, err := sqlite.Open(ctx, sqlite.Config{Dir: dir})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	began, n := time.Now(), s.needed()
	all, devices := make([]enrolled, n), make([]haechi.Device, n)
	for i := range all {
		all[i], devices[i] = enrolOne(i, began)
	}
	if err := store.SaveDevices(ctx, devices); err != nil {
		return err
	}
	for i, e := range all {
		k := haechi.Key{ID: "k1", Secret: haechi.Secret(e.Secret), Salt: haechi.Secret(e.Salt), Created: began}
		if err := store.SaveKey(ctx, devices[i].Key, &k); err != nil {
			return err
		}
	}
	progress("%d devices enrolled in %v", n, time.Since(began).Round(time.Millisecond))
	text, err := json.Marshal(all)
	if err != nil {
		return err
	}
	return os.WriteFile(s.keys(), text, 0o600)
}

// needed is how many devices the parts of the run use.
func (s *stage) needed() int {
	n := s.devices
	if s.parts["idle"] {
		n = max(n, s.idle)
	}
	if s.parts["paced"] {
		n = max(n, s.paced)
	}
	return n
}

func enrolOne(i int, now time.Time) (enrolled, haechi.Device) {
	e := enrolled{Bot: "LOA.i", Serial: fmt.Sprintf("%016x", 0x0123456789000000+i),
		Secret: fmt.Sprintf("bench-secret-%032d", i), Salt: fmt.Sprintf("bench-salt-%08d", i)}
	return e, haechi.Device{Key: haechi.DeviceKey(e.Bot, e.Serial), Bot: e.Bot, Serial: e.Serial, Service: "bots",
		Status: haechi.Approved, Reason: "benchmark", By: "benchmark", ChangedAt: now, FirstSeen: now}
}
