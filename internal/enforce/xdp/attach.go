package xdp

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"haechi"
)

// hook is the program on one interface.
type hook struct {
	link    link.Link
	index   int
	generic bool // behind the driver, on a packet that the kernel has made
	path    string
}

// within runs f in a network namespace; 0: that of the process.
func within(netns int, f func() error) error {
	if netns == 0 {
		return f()
	}
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		home, err := os.Open("/proc/thread-self/ns/net")
		if err != nil {
			done <- err
			return // still locked: the thread ends here
		}
		defer func() { _ = home.Close() }()
		if err := unix.Setns(netns, unix.CLONE_NEWNET); err != nil {
			done <- err
			return
		}
		err = f()
		if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
			done <- errors.Join(err, back)
			return
		}
		runtime.UnlockOSThread()
		done <- err
	}()
	return <-done
}

// linkPath is where the program's hold of an interface is pinned. A name there has no
// dots, and an interface's has no colons.
func (e *Enforcer) linkPath(name string, generic bool) string {
	how := "driver:"
	if generic {
		how = "generic:"
	}
	return filepath.Join(e.cfg.Dir, how+strings.ReplaceAll(name, ".", ":"))
}

// attach puts the program on every named interface where it is not. One that an earlier
// process attached is replaced in place, without a gap. An interface that is not there at
// the moment is left for later.
func (e *Enforcer) attach() error {
	return within(e.cfg.NetNS, func() error {
		for _, name := range e.cfg.Interfaces {
			i, err := net.InterfaceByName(name)
			if err != nil {
				e.drop(name)
				continue
			}
			ok, err := e.on(name, i.Index)
			if err != nil {
				return err
			}
			if ok {
				continue
			}
			h, err := e.adopt(name, i.Index)
			if err == nil && h == nil {
				h, err = e.fresh(name, i.Index)
			}
			if err != nil {
				return err
			}
			e.hooks[name] = h
		}
		return e.name()
	})
}

func (e *Enforcer) drop(name string) {
	if h := e.hooks[name]; h != nil {
		_ = h.link.Close()
		delete(e.hooks, name)
	}
}

// adopt takes the pinned hold of an earlier process over; nil: there is none of use.
func (e *Enforcer) adopt(name string, index int) (*hook, error) {
	for _, generic := range []bool{false, true} {
		h := &hook{index: index, generic: generic, path: e.linkPath(name, generic)}
		var err error
		h.link, err = link.LoadPinnedLink(h.path, nil)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, failed("read the program's hold of "+name, err)
		}
		info, err := h.link.Info()
		if err == nil && info.XDP() != nil && int(info.XDP().Ifindex) == index {
			if err = h.link.Update(e.t.Program); err == nil {
				return h, nil
			}
		}
		_ = h.link.Close() // of an interface that is gone, or taken off it
		if err := os.Remove(h.path); err != nil {
			return nil, failed("take an old hold of "+name+" away", err)
		}
	}
	return nil, nil
}

// fresh attaches the program, in the driver if it can, and pins its hold.
func (e *Enforcer) fresh(name string, index int) (*hook, error) {
	e.drop(name)
	h := &hook{index: index, path: e.linkPath(name, false)}
	var err, native error
	h.link, native = link.AttachXDP(link.XDPOptions{Program: e.t.Program, Interface: index, Flags: link.XDPDriverMode})
	if native != nil {
		h.generic, h.path = true, e.linkPath(name, true)
		if h.link, err = link.AttachXDP(link.XDPOptions{Program: e.t.Program, Interface: index, Flags: link.XDPGenericMode}); err != nil {
			return nil, busy(name, errors.Join(native, err))
		}
	}
	if err := h.link.Pin(h.path); err != nil {
		return nil, errors.Join(failed("pin the program's hold of "+name, err), h.link.Close())
	}
	return h, nil
}

func busy(name string, err error) error {
	if errors.Is(err, unix.EBUSY) || errors.Is(err, unix.EEXIST) {
		return &haechi.Error{Kind: haechi.Conflict, Op: "attach the XDP program", Msg: "another program is on " + name, Err: err,
			Hint: "take it off (ip link set dev " + name + " xdp off), or leave the interface out of shield.interfaces"}
	}
	return failed("attach the XDP program to "+name, err)
}

// on reports whether the program is on the interface, and its hold pinned.
func (e *Enforcer) on(name string, index int) (bool, error) {
	h := e.hooks[name]
	if h == nil || h.index != index {
		return false, nil
	}
	info, err := h.link.Info()
	if err != nil {
		return false, failed("read the program's hold of "+name, err)
	}
	own, err := programID(e.t.Program)
	if err != nil || info.Program != own || info.XDP() == nil || int(info.XDP().Ifindex) != index {
		return false, err
	}
	return pinnedLink(h.path, info.ID)
}

// attached reports whether the program is on every named interface that is there.
func (e *Enforcer) attached() (all bool, err error) {
	err = within(e.cfg.NetNS, func() error {
		for _, name := range e.cfg.Interfaces {
			i, err := net.InterfaceByName(name)
			if err != nil {
				continue // it receives nothing
			}
			if ok, err := e.on(name, i.Index); !ok || err != nil {
				return err
			}
		}
		all = true
		return nil
	})
	return all, err
}

// programID is the kernel's number of a program.
func programID(p *ebpf.Program) (ebpf.ProgramID, error) {
	info, err := p.Info()
	if err != nil {
		return 0, failed("read the program", err)
	}
	id, ok := info.ID()
	if !ok {
		return 0, failed("read the program", fmt.Errorf("it has no number"))
	}
	return id, nil
}
