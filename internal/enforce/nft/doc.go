// Package nft enforces decisions about addresses in the kernel (stage 5): an own
// nftables table drops what a denied source sends, before anything else looks at it,
// whether it is meant for this machine or for a container behind it.
//
// It promises that a batch is in force as a whole or not at all, that whoever is
// protected is never dropped (refused here whatever the caller says, and accepted by
// the kernel's own rules before any drop), that what it says is in force was read from
// the kernel, with every rule in its place, and that it never touches another table.
// Decisions end by the kernel's own clock, also when no process of Haechi runs.
//
// It never decides, and takes no decision about anything but an address or a prefix,
// for all services.
package nft
