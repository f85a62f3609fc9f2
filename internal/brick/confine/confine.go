package confine

import "errors"

// ErrCgo says why layers do not hold in a program built with cgo: the runtime does not know
// all threads then, so that only what the kernel itself spreads over them (seccomp and no
// new privileges) can be had.
var ErrCgo = errors.New("the program was built with cgo: build it with CGO_ENABLED=0")

// Policy is what a process goes on needing.
type Policy struct {
	Keep  []int    // capabilities, by their numbers in linux/capability.h
	Read  []string // files that may be read, and folders with all beneath; missing ones are left out
	Write []string // folders in which besides files and folders may be made, written, moved and removed

	Sockets []int // families of which sockets may be made, by linux/socket.h
	TCP     bool  // TCP sockets may be bound and connected
	// Exec lets it start programs. What they need is theirs to know, so that files and
	// signals stay as they are.
	Exec bool
	// Unbound leaves the bounding set, which a process without privileges cannot cut and,
	// without new privileges, cannot use.
	Unbound bool
}

// Held is whether a layer holds.
type Held uint8

// The answers. No: the kernel lacks it, the program was built without it, or the process
// may not. Unknown: it failed otherwise, so that a part of it may hold.
const (
	Unknown Held = iota
	Yes
	No
)

// Layer is one means of confinement.
type Layer struct {
	Name string
	Held Held
	Err  error // why it does not hold; nil: it does
}

// Apply confines the process, by every means that can be had, in the order in which one
// needs the other: no new privileges, files, capabilities, system calls. A socket or file
// that is open stays so. It is called once, when everything that needs more has been done.
func Apply(p Policy) []Layer { return apply(p) }
