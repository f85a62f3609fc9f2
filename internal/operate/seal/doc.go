// Package seal signs and judges frames by hand, for haechi sign and haechi verify: with
// a key file instead of a registry, and without clock and memory. It belongs to no
// stage.
//
// It promises that what it signs is what the gate and the clients sign
// (docs/signature.md), that a verdict names the first check that failed, and that no
// error, verdict or text shows key material.
//
// It never opens a file or a connection and never judges whether a frame is a replay
// or its time is near: only the gate can, which has the memory.
package seal
