package xdp

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"haechi"
)

// What leaves is read by a second program, so that answers are known from questions. It
// changes nothing and drops nothing.

// soon is when what was asked is known, if questions are noted from now on: by the
// kernel's clock.
func (e *Enforcer) soon() (uint64, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC_COARSE, &ts); err != nil {
		return 0, fmt.Errorf("read the kernel's clock: %w", err)
	}
	return uint64(time.Duration(ts.Nano())/unit + e.cfg.Grace/unit), nil
}

func (e *Enforcer) asksPath(name string) string {
	return filepath.Join(e.cfg.Dir, "asks:"+strings.ReplaceAll(name, ".", ":"))
}

// listen puts the second program on every interface that has the first, where it is not.
// fresh: what was asked up to now is not known everywhere.
func (e *Enforcer) listen() (fresh bool, err error) {
	err = within(e.cfg.NetNS, func() error {
		for name, h := range e.hooks {
			ok, err := e.listens(name, h.index)
			if err != nil {
				return err
			}
			if ok {
				continue
			}
			if old := e.asks[name]; old != nil {
				_ = old.Close() // without its pin, that takes it off
				delete(e.asks, name)
			}
			l, err := e.adoptAsks(name, h.index)
			if err == nil && l == nil {
				fresh = true
				l, err = e.freshAsks(name, h.index)
			}
			if err != nil {
				return err
			}
			e.asks[name] = l
		}
		return nil
	})
	return fresh, err
}

// listens reports whether the second program is on the interface, and its hold pinned.
func (e *Enforcer) listens(name string, index int) (bool, error) {
	l := e.asks[name]
	if l == nil {
		return false, nil
	}
	info, err := l.Info()
	if err != nil {
		return false, failed("read the second program's hold of "+name, err)
	}
	own, err := programID(e.t.Asks)
	if err != nil || info.Program != own || info.TCX() == nil || int(info.TCX().Ifindex) != index {
		return false, err
	}
	return pinnedLink(e.asksPath(name), info.ID)
}

// pinnedLink reports whether the hold of that number is pinned there.
func pinnedLink(path string, id link.ID) (bool, error) {
	pinned, err := link.LoadPinnedLink(path, nil)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, failed("read the program's hold at "+path, err)
	}
	defer func() { _ = pinned.Close() }()
	found, err := pinned.Info()
	if err != nil {
		return false, failed("read the program's hold at "+path, err)
	}
	return found.ID == id, nil
}

// adoptAsks takes the pinned hold of an earlier process over; nil: there is none of use.
func (e *Enforcer) adoptAsks(name string, index int) (link.Link, error) {
	l, err := link.LoadPinnedLink(e.asksPath(name), nil)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, failed("read the second program's hold of "+name, err)
	}
	info, err := l.Info()
	if err == nil && info.TCX() != nil && int(info.TCX().Ifindex) == index && l.Update(e.t.Asks) == nil {
		return l, nil
	}
	_ = l.Close() // of an interface that is gone, or taken off it
	if err := os.Remove(e.asksPath(name)); err != nil {
		return nil, failed("take an old hold of "+name+" away", err)
	}
	return nil, nil
}

func (e *Enforcer) freshAsks(name string, index int) (link.Link, error) {
	l, err := link.AttachTCX(link.TCXOptions{Interface: index, Program: e.t.Asks, Attach: ebpf.AttachTCXEgress})
	if err != nil {
		return nil, deaf(name, err)
	}
	if err := l.Pin(e.asksPath(name)); err != nil {
		return nil, errors.Join(failed("pin the second program's hold of "+name, err), l.Close())
	}
	return l, nil
}

func deaf(name string, err error) error {
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES) {
		return failed("note what is asked through "+name, err)
	}
	return &haechi.Error{Kind: haechi.Unavailable, Op: "note what is asked through " + name, Err: err,
		Hint: "the filter of answers that nobody asked for needs Linux 6.6; leave shield.reflection off before"}
}

// deafen takes the second program off.
func (e *Enforcer) deafen() error {
	var errs []error
	for name, l := range e.asks {
		errs = append(errs, gone(os.Remove(e.asksPath(name))), l.Close())
		delete(e.asks, name)
	}
	for _, name := range e.cfg.Interfaces { // of an earlier process
		errs = append(errs, gone(os.Remove(e.asksPath(name))))
	}
	return errors.Join(errs...)
}

// hears reports whether the second program is where it is needed.
func (e *Enforcer) hears() (all bool, err error) {
	if e.set().Unasked == uint32(Off) {
		return true, nil
	}
	for name, h := range e.hooks {
		if ok, err := e.listens(name, h.index); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

// pardon lets every answer pass where the second program was taken off: before it is there
// again, since nobody knows what was asked without it.
func (e *Enforcer) pardon() error {
	if all, err := e.hears(); all || err != nil {
		return err
	}
	s := e.set()
	var err error
	if s.Since, err = e.soon(); err == nil {
		err = e.setMeters(s)
	}
	return err
}

// hear puts it there again. What was asked meanwhile is not known.
func (e *Enforcer) hear() error {
	s := e.set()
	if s.Unasked == uint32(Off) {
		return nil
	}
	fresh, err := e.listen()
	if err == nil && fresh {
		if s.Since, err = e.soon(); err == nil {
			err = e.setMeters(s)
		}
	}
	return err
}
