// Package tenure remembers since when a key has been known, for many keys in fixed
// memory. It is a brick: keys are 64-bit hashes, and what makes one known is the
// caller's to say.
//
// A key that is met again keeps its first time. When there is no room, the key known
// for the shortest time in its bucket makes room, so that a flood of new keys replaces
// one another and never an old one; a key not met for [Forget] counts as the newest.
//
// It promises fixed memory, no allocation for a call, and safety for concurrent use. It
// reads no clock and starts no goroutine. What it knows can be saved and restored where the
// origin of times stays the same.
package tenure
