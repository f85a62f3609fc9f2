// Package signature proves a device's claim to one frame (stage 2): the HMAC
// over the signed fields, the clock, and the replay memory.
//
// It promises that
//   - a claim is proved only by a key of the device it names, compared in
//     constant time, all valid keys being tried every time;
//   - a refusal for the clock or for a replay is only ever said about a claim
//     whose signature is right, so strangers cannot cause one for somebody else;
//   - a signature that was accepted once never passes again with another frame
//     on another connection while its timestamp is acceptable: the replay memory
//     is filled after verification only, forgets nothing early, and refuses when
//     it is full (a device that fills its own share is refused alone);
//   - proving allocates nothing once a device's keys were used since the last [Verifier.Rest],
//     and a silent device takes some 105 bytes then.
//
// It never decides what a proved device may do, never blocks on anything but
// another claim about the same device, never reads a clock, and never prints,
// logs or returns key material.
//
// What the signature does not cover, it cannot protect: the body of a frame is
// unsigned in this protocol, so somebody on the path can rewrite a fresh frame.
// Only TLS in front of the gate, or a client that signs the body, closes that.
package signature
