// Package frame measures the check of one device frame as the gate makes it, beside
// the naive one: encoding/json and a fresh HMAC. It belongs to no stage.
//
// It promises that both sides judge the same frames, each signed anew, and that one
// refused frame ends the run. The gate's side has everything a frame meets before it
// is forwarded: strict reading, identity, signature, clock, replay memory, event. The
// naive side has no replay memory and refuses neither doubled names nor bad UTF-8.
//
// Beside both stands what reading and verifying alone cost, with the house's strict
// reader. All frames of one run have the same names in the same order, as those of a
// phone have, so the reader has seen their shape before.
package frame
