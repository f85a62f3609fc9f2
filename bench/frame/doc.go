// Package frame measures the check of one device frame as the gate makes it, beside
// the naive one: encoding/json and a fresh HMAC. It belongs to no stage.
//
// It promises that both sides judge the same frames, each signed anew, and that one
// refused frame ends the run. The gate's side has everything a frame meets before it
// is forwarded: strict reading, identity, signature, clock, replay memory, event. The
// naive side has no replay memory and refuses neither doubled names nor bad UTF-8.
package frame
