// Package denylist holds deny lists that come as files: a reputation feed, a country, what
// another program found. It reads them, judges by them in process, and says what an
// enforcer in the kernel is to hold ([haechi/internal/enforce.Lister]). It is part of stage
// 5, enforcement.
//
// It promises that a list is replaced as a whole or not at all: a file that is being
// written, cannot be read or is mostly something else changes nothing, and says so; that
// networks in which a machine's own neighbours are, and such as are half of the Internet,
// are never taken from a file; that whoever is allowed or protected passes, whatever a file
// says. Bounds: 256 MiB a file, 2,000,000 prefixes in all, and a counter for lines that were
// refused. What was read is kept in a copy, by which a later process whose file cannot be read
// begins. It never decides about anybody, writes no other file, and asks no network.
package denylist
