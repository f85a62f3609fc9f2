// Package xdp enforces decisions about addresses in the network driver (stage 5): a
// program on each named interface drops what a denied source sends before the kernel
// makes a packet of it, and looks a million listed addresses up in the time of one or two
// cache misses.
//
// It promises that a batch is in force as a whole or not at all, that whoever is
// protected is never dropped (refused here whatever the caller says, and let through by
// the program before it looks for a decision), that what it says is in force was read
// from the kernel, with the program on its interfaces and every table pinned, and that a
// deny list is replaced by one write. Decisions end by the kernel's own clock, also when
// no process of Haechi runs.
//
// It never decides, takes no decision about anything but an address or a prefix, for all
// services, and changes no interface that was not named.
package xdp
