package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"haechi"
	"haechi/internal/brick/confine"
	"haechi/internal/config"
)

// Sandbox says whether the process confines itself.
type Sandbox uint8

// The choices. SandboxNone: the process is not the gateway's alone.
const (
	SandboxNone Sandbox = iota
	SandboxOn
	SandboxOff // an operator's choice, which status says
)

// sandbox is what the gateway has given up.
type sandbox struct {
	on    bool     // it is confined, as far as that can be had
	write []string // where alone it may write; nil: wherever its user may
	exec  bool     // programs may be started
	open  string   // why not everything holds; empty: it does
}

// confine takes from the gateway what it does not need once everything is open. It goes on
// without what cannot be had: a kernel without Landlock still guards.
func (a *App) confine(cfg *config.Config) {
	switch a.opts.Sandbox {
	case SandboxNone:
		return
	case SandboxOff:
		a.opts.Log.Warn("the gateway does not confine itself, since it was started so", "flag", "--sandbox off")
		a.sandbox.open = "it was started with --sandbox off"
		return
	}
	p := gatewayNeeds(cfg, os.Geteuid() == 0)
	a.sandbox = sandbox{on: true, exec: p.Exec}
	layers := confine.Apply(p)
	if slices.ContainsFunc(layers, func(l confine.Layer) bool { return l.Name == "landlock" && l.Held == confine.Yes }) {
		a.sandbox.write = p.Write
	}
	open := tellLayers(a.opts.Log, "gateway", layers)
	if !slices.ContainsFunc(layers, func(l confine.Layer) bool { return errors.Is(l.Err, confine.ErrCgo) }) { // no release
		a.sandbox.open = open
	}
}

// gatewayNeeds is what the gateway goes on needing: to read what its user may read, since a
// reload names what it likes; to write its state, its log, backups and temporary files; TCP;
// the kernel's packet filter where it has that right itself; and, where an authority is
// answered by a hook, that program with whatever it needs.
func gatewayNeeds(cfg *config.Config, root bool) confine.Policy {
	p := confine.Policy{
		Keep:    []int{unix.CAP_NET_BIND_SERVICE, unix.CAP_DAC_READ_SEARCH}, // the second for logs, where it was given
		Read:    []string{"/"},
		Write:   append(temporary(), cfg.State),
		Sockets: []int{unix.AF_UNIX, unix.AF_INET, unix.AF_INET6, unix.AF_NETLINK},
		TCP:     true, Exec: hooked(cfg), Unbound: !root,
	}
	if f := cfg.Records.SecurityLog; f != "" {
		p.Write = append(p.Write, there(filepath.Dir(f)))
	}
	if dir := cfg.Records.Backups; dir != "" {
		p.Write = append(p.Write, there(dir))
	}
	if root { // its files may be anybody's
		p.Keep = append(p.Keep, unix.CAP_CHOWN, unix.CAP_DAC_OVERRIDE, unix.CAP_FOWNER)
	}
	if cfg.Shield.Socket == "" && (cfg.Shield.Kernel != kernelOff || len(cfg.Sensor.Interfaces) > 0) {
		own := shieldNeeds(&cfg.Shield)
		p.Keep, p.Sockets = append(p.Keep, own.Keep...), append(p.Sockets, unix.AF_PACKET)
		p.Write = append(p.Write, filepath.Dir(cfg.Shield.Pins))
	}
	return p
}

// there is a folder, or the nearest above it that is there, so that it may be made later;
// never all of the machine.
func there(dir string) string {
	for at := dir; at != filepath.Dir(at); at = filepath.Dir(at) {
		if _, err := os.Stat(at); err == nil {
			return at
		}
	}
	return dir
}

// temporary are the folders that SQLite and the WAF put large things into.
func temporary() []string { return []string{os.TempDir(), "/tmp", "/var/tmp", "/usr/tmp"} }

// hooked reports whether a program answers an authority.
func hooked(cfg *config.Config) bool {
	return slices.ContainsFunc(cfg.Services, func(s config.Service) bool { return s.TLS.ACME.Hook != "" })
}

// fits reports what a reload asks for that was given up.
func (s *sandbox) fits(cfg *config.Config) error {
	if !s.on || s.exec || !hooked(cfg) {
		return nil
	}
	return &haechi.Error{Kind: haechi.Conflict, Op: "reload", Msg: "the gateway gave up starting programs, and the first tls.acme.hook needs that; nothing was changed",
		Hint: "restart the gateway"}
}

// backup writes a backup, where the gateway may write; a database is not its to copy.
func (a *App) backup(ctx context.Context, path string) error {
	if a.estate.cfg.Records.Store.DSNFile != "" {
		return a.estate.store.Backup(ctx, path)
	}
	if err := a.sandbox.writes(path); err != nil {
		return err
	}
	return a.estate.store.Backup(ctx, path)
}

func (s *sandbox) writes(path string) error {
	if s.write == nil {
		return nil
	}
	dir := filepath.Dir(path)
	for _, d := range s.write {
		if beneath(dir, d) {
			return nil
		}
	}
	return &haechi.Error{Kind: haechi.Denied, Op: "back up", Msg: "the gateway gave up writing to " + dir + " when it started",
		Hint: "write records: { backups: " + dir + " } and restart it, or name a file in the state folder"}
}

// beneath reports whether a folder is another one or in it, wherever links lead.
func beneath(dir, above string) bool {
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	if real, err := filepath.EvalSymlinks(above); err == nil {
		above = real
	}
	rel, err := filepath.Rel(above, dir)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}

// openText says what the gateway has not given up, if so.
func (s *sandbox) openText() string {
	if s.open == "" {
		return ""
	}
	return "the gateway is not confined as it should be: " + s.open
}
