//go:build linux && (amd64 || arm64)

package confine

import (
	"errors"
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// shed gives up every capability but those that are kept, and CAP_SETPCAP, which [bound]
// needs and gives up.
func shed(keep []int) error {
	if err := reachable(); err != nil {
		return err
	}
	return capset(append([]int{unix.CAP_SETPCAP}, keep...))
}

// surrender gives up every capability but those that are kept, where the bounding set stays.
func surrender(keep []int) error {
	if err := reachable(); err != nil {
		return err
	}
	return capset(keep)
}

// bound takes all others out of the bounding set, so that no program that the process
// would start has them, and CAP_SETPCAP at last.
func bound(keep []int) error {
	if err := reachable(); err != nil {
		return err
	}
	return errors.Join(cut(keep), capset(keep))
}

func cut(keep []int) error {
	kept := mask(keep)
	for c := range 64 {
		has, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, uintptr(c), 0, 0, 0)
		if errors.Is(err, unix.EINVAL) {
			return nil // beyond the last one
		}
		if err != nil {
			return fmt.Errorf("read the bounding set: %w", err)
		}
		if has == 0 || kept&(1<<c) != 0 {
			continue
		}
		if err := everywhere("cut the bounding set, which needs CAP_SETPCAP", unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, uintptr(c), 0); err != nil {
			return err
		}
	}
	return nil
}

// capset leaves, of the capabilities that the process has, those that are kept.
func capset(keep []int) error {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var now [2]unix.CapUserData
	if err := unix.Capget(&head, &now[0]); err != nil {
		return fmt.Errorf("read the capabilities: %w", err)
	}
	kept := mask(keep)
	for i := range now {
		now[i].Permitted &= uint32(kept >> (32 * i))
		now[i].Effective = now[i].Permitted
		now[i].Inheritable = 0
	}
	return everywhere("give up capabilities", unix.SYS_CAPSET, uintptr(unsafe.Pointer(&head)), uintptr(unsafe.Pointer(&now[0])), 0)
}

func mask(caps []int) (m uint64) {
	for _, c := range caps {
		m |= 1 << c
	}
	return m
}
