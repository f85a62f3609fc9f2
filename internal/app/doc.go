// Package app is the composition root: it builds every part from the
// configuration, wires them, and owns the order of start, reload and stop. It
// belongs to no stage and is the only package that knows them all.
//
// Two lifetimes live here. The estate (records, registry, decisions, live
// sessions, listening sockets, console) lasts as long as the process. A world
// (rules, limits, gates) is built from one configuration; a reload builds the next
// one beside it, swaps, and lets the old one end with its last connection. Connections
// go on, and the present world judges what comes on them.
//
// It promises that a failed start leaves nothing behind and a failed reload changes
// nothing. It never judges, decides or formats anything itself.
package app
