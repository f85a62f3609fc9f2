package xdp

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/features"
	"golang.org/x/sys/unix"

	"haechi"
)

// knowsCookies tells the program whether the kernel makes cookies for it: without, it
// leaves that part out.
func knowsCookies(spec *ebpf.CollectionSpec) error {
	v := spec.Variables["has_cookies"]
	if v == nil {
		return failed("load the XDP program", errors.New("it has no variable has_cookies"))
	}
	if haveCookies() != nil {
		return nil
	}
	if err := v.Set(uint32(1)); err != nil {
		return failed("load the XDP program", err)
	}
	return nil
}

func haveCookies() error {
	return errors.Join(features.HaveProgramHelper(ebpf.XDP, asm.FnTcpRawGenSyncookieIpv4), features.HaveProgramHelper(ebpf.XDP, asm.FnTcpRawGenSyncookieIpv6))
}

// canAnswer says why connections cannot be answered here, if so.
func (e *Enforcer) canAnswer() error {
	if err := haveCookies(); err != nil {
		return &haechi.Error{Kind: haechi.Unavailable, Op: "answer connections in XDP", Err: err,
			Hint: "it needs Linux 6.0; the kernel's own cookies (net.ipv4.tcp_syncookies=1) go on"}
	}
	return within(e.cfg.NetNS, func() error {
		if err := e.sends(); err != nil {
			return err
		}
		return knows()
	})
}

// knows says why the kernel would refuse a connection that the program answered, if so.
func knows() error {
	b, err := os.ReadFile("/proc/sys/net/ipv4/tcp_syncookies")
	if err != nil {
		return fmt.Errorf("read whether the kernel knows cookies: %w", err)
	}
	if got := string(bytes.TrimSpace(b)); got != "2" {
		return &haechi.Error{Kind: haechi.Unavailable, Op: "answer connections in XDP", Msg: "net.ipv4.tcp_syncookies is " + got,
			Hint: "sysctl -w net.ipv4.tcp_syncookies=2: with less the kernel refuses the cookies that it has not sent"}
	}
	return nil
}

// settled reports whether the kernel still knows the cookies, where they are sent.
func (e *Enforcer) settled() bool {
	return e.set().OpenDepth == 0 || within(e.cfg.NetNS, knows) == nil
}

// settle sends none where the kernel does not know them any more.
func (e *Enforcer) settle() error {
	if e.settled() {
		return nil
	}
	s := e.set()
	s.OpenCost, s.OpenDepth = 0, 0
	return e.setMeters(s)
}

// sends says on which interface an answer would not leave, if so.
func (e *Enforcer) sends() error {
	if e.cfg.Peered {
		return nil
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("ask for drivers: %w", err)
	}
	defer func() { _ = unix.Close(fd) }()
	for _, name := range e.cfg.Interfaces {
		info, err := unix.IoctlGetEthtoolDrvinfo(fd, name)
		if err != nil {
			continue // it says nothing, or is not there
		}
		if unix.ByteSliceToString(info.Driver[:]) == "veth" {
			return &haechi.Error{Kind: haechi.Unavailable, Op: "answer connections in XDP", Msg: name + " is a virtual interface, which keeps what a program answers",
				Hint: "let the shield of the host answer, on its own interface"}
		}
	}
	return nil
}
