// Package session is in-process enforcement (stage 5): it answers every
// connection, request and message from the decisions in force, and knows every
// live session, so that a decision cuts those of one actor at once.
//
// It promises:
//
//   - Allow beats deny: an actor on the allow list is never refused, throttled or
//     cut by a decision.
//   - A decision holds for new traffic from the moment Apply returns, and live
//     sessions it refuses are cut by then. A session that opens or identifies
//     itself at the same moment is caught by one side or the other.
//   - The strongest decision that covers the actor answers; among equals the
//     narrowest. A kernel drop is a refusal here. A throttle about an address
//     leaves a device that has proved itself alone: it has limits of its own, and
//     it is not the one who is meant.
//   - Reading takes no lock and does not allocate, so a judgement costs well under
//     200 ns while a handful of prefix lengths are in use.
//   - What InForce lists is read from the very table that answers.
//   - Decisions, sessions and memory are bounded, with counters for what was refused.
//
// It never decides, starts no goroutine, and leaves shadow decisions alone.
package session
