package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"haechi"
	"haechi/internal/config"
	"haechi/internal/enforce"
	"haechi/internal/enforce/denylist"
)

// denyLists are the files of deny lists: judged by in process, and held by the kernel's
// enforcers that this process opened itself. The shield process has its own.
type denyLists struct {
	*denylist.Lists
	held []enforce.Lister
	cut  func(judge func(*haechi.Request, time.Time) haechi.Verdict) int // ends live sessions; nil: there are none
	log  *slog.Logger
	now  func() time.Time

	mu     sync.Mutex
	due    bool // the kernel's lists are to be replaced
	recut  bool // who opened a session while the lists changed may not have been judged by the new ones
	failed string
}

// listsEvery is how often the files are looked at. One that changed is read at the second
// look.
const listsEvery = 2 * time.Second

// newDenyLists makes them; keep is a folder of this process's own for their copies.
func newDenyLists(s *config.Shield, keep string, protected func(netip.Prefix) (string, bool), now func() time.Time, log *slog.Logger) *denyLists {
	c := denylist.Config{Protected: protected, Keep: filepath.Join(keep, "lists")}
	for _, l := range s.Lists {
		c.Files = append(c.Files, denylist.File{Name: l.Name, Path: l.File, Mode: l.Mode})
	}
	// Even without one: the kernel may still hold those of an earlier process.
	return &denyLists{Lists: denylist.New(c), now: now, log: log, due: true}
}

// hold adds an enforcer that is to hold the lists, if it can.
func (d *denyLists) hold(k any) {
	if l, ok := k.(enforce.Lister); ok {
		d.held = append(d.held, l)
	}
}

// look takes over what changed in the files, and puts it into force. What the kernel does
// not take is tried again.
func (d *denyLists) look(ctx context.Context) {
	changed, err := d.Look(d.now())
	if err != nil {
		d.log.Error("a deny list could not be read or kept; what was read last stays in force", "err", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.due = d.due || changed
	if changed {
		d.tell()
	}
	if changed || d.recut {
		d.cutListed()
	}
	d.recut = changed
	all, known := d.Enforced()
	if !d.due || !known || len(d.held) == 0 {
		return
	}
	var errs []error
	for _, k := range d.held {
		errs = append(errs, k.Load(ctx, all...))
	}
	err = errors.Join(errs...)
	d.due = err != nil
	before := d.failed
	if d.failed = ""; err != nil {
		d.failed = err.Error()
	}
	if d.failed != "" && d.failed != before && ctx.Err() == nil {
		d.log.Error("the kernel does not take the deny lists; they are enforced in process, and tried again", "err", err)
	}
}

// cutListed ends the live sessions of those who are on a list by now.
func (d *denyLists) cutListed() {
	if d.cut == nil {
		return
	}
	if n := d.cut(d.Inspect); n > 0 {
		d.log.Info("live sessions were cut, since their addresses are on a deny list by now", "sessions", n)
	}
}

// tell logs what was read.
func (d *denyLists) tell() {
	for _, s := range d.Status(nil) {
		if s.Read.IsZero() {
			continue
		}
		d.log.Info("deny list", "list", s.Name, "mode", s.Mode, "prefixes", s.Prefixes, "lines_left_out", s.Left, "first", s.First)
	}
}

func (d *denyLists) run(ctx context.Context) error {
	return every(ctx, listsEvery, func() { d.look(ctx) })
}

// status is what is shown: with what the kernel's enforcers count, of this process or of the
// shield's.
func (d *denyLists) status(guarded []netip.Prefix, kernel []haechi.Counter) []haechi.ListStatus {
	out := d.Status(guarded)
	for i := range out {
		for _, place := range []string{kernelXDP, kernelNFT} {
			name := enforce.ListCounter(place, out[i].Name)
			if at := slices.IndexFunc(kernel, func(c haechi.Counter) bool { return c.Name == name }); at >= 0 {
				out[i].Packets += kernel[at].Value
			}
		}
	}
	return out
}

// degraded says which lists are not what their files say.
func (d *denyLists) degraded() (out []string) {
	for _, s := range d.Status(nil) {
		if s.Note != "" {
			out = append(out, "the deny list "+s.Name+" is not what its file says: "+s.Note)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failed != "" {
		out = append(out, "the kernel does not take the deny lists; they are enforced in process: "+d.failed)
	}
	return out
}

// listFolders are where the files lie: a list is replaced by a file of the same name.
func listFolders(s *config.Shield) (out []string) {
	for _, l := range s.Lists {
		out = append(out, filepath.Dir(l.File))
	}
	return out
}

// checkLists reads the lists once.
func checkLists(cfg *config.Config) error {
	var errs []error
	for _, l := range cfg.Shield.Lists {
		f, err := os.Open(l.File)
		if err == nil {
			_, err = denylist.Read(f, denylist.MaxPrefixes)
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("shield.lists: %s: %w", l.Name, err))
		}
	}
	return errors.Join(errs...)
}
