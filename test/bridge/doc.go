// Package bridge is a phone that behaves as the public client script does, so that
// tests meet what the gateway will meet (a harness outside the stages, imported by
// tests only). It was written from a description of that behaviour:
//
//   - it reconnects for ever, after 4, 8, 16, 32, 60, 60 … seconds, and forgets how
//     often it failed as soon as TCP connects;
//   - each attempt walks the list of servers in order;
//   - what cannot be sent is queued for 30 s, at most 2,000 frames; the queue is sent
//     on connecting only, ten frames at most, with the handshake behind the others;
//   - a frame whose write failed is queued again as it is;
//   - a frame is signed when it is made, so it may arrive late, and two frames of one
//     millisecond have one signature;
//   - it answers pings at any time and never pings by itself.
//
// Its times can be scaled down, and nothing else about it changes with that. It dials
// loopback only, and ends with its context.
package bridge
