package confine

import "golang.org/x/sys/unix"

const arch = unix.AUDIT_ARCH_AARCH64

// deniedHere are those that only this processor has.
func deniedHere() []uint32 { return nil }
