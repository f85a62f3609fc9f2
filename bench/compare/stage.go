package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"haechi/bench/peers"
)

// stage is what all servers of a run share; it fills in their templates.
type stage struct {
	*options
	Dir            string
	Plain, TLS     string // of the server under test
	Device         string
	Metrics        string // of the gateway
	Folder         string // of the device gate's state
	Silent         bool   // the devices send nothing: rules keep their own bounds
	Upstream, Sink string
	Carry          string // the server behind an opaque service
	Taking         string // the upstream that takes bodies
	Judge          string // mode of the gateway's WAF
	Weak, Alone    string // two of the same weak server, behind the gateway and not
	Cert, Key, PEM string
	self           string
	upstream, bots *proc
}

// newStage starts upstream and sink.
func newStage(ctx context.Context, o *options) (*stage, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &stage{options: o, Dir: o.dir, Folder: "haechi-device", self: self}
	if err := freeAddresses(&s.Upstream, &s.Sink); err != nil {
		return nil, err
	}
	if err := s.certificate(); err != nil {
		return nil, err
	}
	if s.upstream, err = launch("the upstream", others, nil, nil, self, "upstream", s.Upstream); err != nil {
		return nil, err
	}
	if s.bots, err = launch("the sink", others, nil, nil, self, "sink", s.Sink); err != nil {
		return s, errors.Join(err, s.close())
	}
	if err := errors.Join(s.upstream.listening(ctx, s.Upstream), s.bots.listening(ctx, s.Sink)); err != nil {
		return s, errors.Join(err, s.close())
	}
	return s, nil
}

func (s *stage) close() error { return errors.Join(s.upstream.stop(), s.bots.stop()) }

// addresses gives the next server ports of its own.
func (s *stage) addresses() error { return freeAddresses(&s.Plain, &s.TLS, &s.Device, &s.Metrics) }

// write fills in a template and returns the path of the file.
func (s *stage) write(name string) (string, error) {
	t, err := template.New(name).Funcs(template.FuncMap{"port": port}).ParseFS(peers.Files, name)
	if err != nil {
		return "", err
	}
	path := filepath.Join(s.Dir, name[:len(name)-len(filepath.Ext(name))])
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	if err := t.Execute(f, s); err != nil {
		return "", errors.Join(err, f.Close())
	}
	return path, f.Close()
}

// copyOut writes a file that is no template.
func (s *stage) copyOut(name string) (string, error) {
	text, err := peers.Files.ReadFile(name)
	if err != nil {
		return "", err
	}
	path := filepath.Join(s.Dir, name)
	return path, os.WriteFile(path, text, 0o600)
}

func (s *stage) state(name string) (string, error) {
	dir := filepath.Join(s.Dir, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make a state folder: %w", err)
	}
	return dir, nil
}

func port(address string) string { return address[strings.LastIndexByte(address, ':')+1:] }
