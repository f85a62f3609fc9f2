package app

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"haechi"
	"haechi/internal/config"
)

// TestGatewayNeeds: what is kept follows the file: a folder that is not there yet, a hook, a
// kernel without a shield process.
func TestGatewayNeeds(t *testing.T) {
	dir := t.TempDir()
	cfg := &config.Config{State: filepath.Join(dir, "state")}
	cfg.Shield.Kernel = kernelOff
	cfg.Records.SecurityLog, cfg.Records.Backups = filepath.Join(dir, "logs", "later", "security.log"), "/not-there-at-all"
	p := gatewayNeeds(cfg, false)
	if p.Exec || !p.Unbound || !p.TCP || slices.Contains(p.Sockets, unix.AF_PACKET) || slices.Contains(p.Keep, unix.CAP_NET_ADMIN) {
		t.Errorf("%+v", p)
	}
	for _, want := range []string{cfg.State, dir, os.TempDir()} {
		if !slices.Contains(p.Write, want) {
			t.Errorf("%v has no %s", p.Write, want)
		}
	}
	if slices.Contains(p.Write, "/") {
		t.Error("a folder that is missing opens everything")
	}
	cfg.Shield.Kernel, cfg.Shield.Pins = kernelNFT, "/sys/fs/bpf/haechi"
	if p = gatewayNeeds(cfg, true); p.Unbound || !slices.Contains(p.Keep, unix.CAP_NET_ADMIN) || !slices.Contains(p.Sockets, unix.AF_PACKET) || !slices.Contains(p.Write, "/sys/fs/bpf") {
		t.Errorf("%+v", p)
	}
	cfg.Shield.Socket = "/run/haechi-shield/shield.sock"
	if p = gatewayNeeds(cfg, false); slices.Contains(p.Keep, unix.CAP_NET_ADMIN) || slices.Contains(p.Sockets, unix.AF_PACKET) {
		t.Errorf("%+v", p)
	}
	cfg.Services = []config.Service{{TLS: config.TLS{ACME: config.ACME{Hook: "/usr/local/bin/set-record"}}}}
	if p = gatewayNeeds(cfg, false); !p.Exec {
		t.Error("the hook could not be started")
	}
	for _, s := range []sandbox{{}, {on: true, exec: true}} {
		if err := s.fits(cfg); err != nil {
			t.Errorf("%+v: %v", s, err)
		}
	}
	if err := (&sandbox{on: true}).fits(cfg); haechi.KindOf(err) != haechi.Conflict {
		t.Errorf("the first hook: %v", err)
	}
}

// TestWhereItMayWrite: in the folders and below, wherever links lead, and not beside them.
func TestWhereItMayWrite(t *testing.T) {
	dir := t.TempDir()
	state := filepath.Join(dir, "state")
	if err := os.MkdirAll(filepath.Join(state, "below"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, to := range map[string]string{"in": state, "state/out": dir} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	s := sandbox{write: []string{state}}
	for name, want := range map[string]bool{"state/x": true, "state/below/x": true, "in/x": true, "x": false, "state/out/x": false, "state/../x": false, "stately/x": false} {
		err := s.writes(filepath.Join(dir, name))
		if (err == nil) != want || err != nil && (haechi.KindOf(err) != haechi.Denied || !strings.Contains(err.Error(), "records: { backups: ")) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (&sandbox{}).writes("/x"); err != nil {
		t.Error(err)
	}
}
