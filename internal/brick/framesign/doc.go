// Package framesign signs a frame so that nothing in it can be changed, added,
// removed or used elsewhere: "haechi-sign/1", the text of docs/signature.md.
//
// It is a brick: domain-free, without clock, network or disk, and one goroutine
// uses a value at a time. Where the signed values lie in a frame is a [Layout],
// which is data; [SignedLines] and [Binding] are the two that the pages describe.
//
// It promises that
//   - a frame that [MAC.Verify] accepts was signed, to the byte, by somebody who
//     has the key, for that key id, device, direction, nonce, time and event;
//   - two different sets of values never give the same text to sign: no value
//     may be empty or contain a control character, so none can contain the line
//     end that separates them;
//   - signatures are compared in constant time, and signing, reading and verifying
//     allocate nothing once a value was used.
//
// It never remembers a frame: that a nonce is new, that a time is near and that a
// sequence grows is for whoever has a memory and a clock to judge.
package framesign
