// Package enforcetest is the conformance suite that every enforcer must pass: one
// meaning, whatever the place of enforcement. It is part of stage 5 and used by
// tests only.
//
// It asks the place of enforcement itself whether an actor is refused, never the
// enforcer's bookkeeping. Meters of the kernel are asked what they dropped, of packets
// that the suite sends in network namespaces of its own, and nowhere else.
package enforcetest
