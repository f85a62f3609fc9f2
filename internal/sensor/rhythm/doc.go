// Package rhythm hears when the initiator of an open TCP conversation speaks again after
// a pause (stage 1, passive). It is a sensor.Listener around another one: it passes on
// all that the other wants to hear, and tells of the turns of every conversation,
// understood or not, encrypted or not. What a keepalive, a poll or an implant that waits
// for orders has in common is its rhythm, which the beginnings and ends of flows do not
// show.
//
// A turn begins when the initiator sends data after neither side has sent any for
// [Config.Pause]. Data that was sent before, and the one byte of a TCP keepalive, are no
// turn; nor is what answers the other side. The event of kind turn says when the turn
// began, how long the segment is that began it, how much the server said in the turn
// before, and of which protocol the other listener takes the conversation to be. There is at most one in each pause, so a transfer costs
// a comparison for each segment and nothing is told of it; a conversation without any
// pause in [Config.Patience] segments is not heard any further.
//
// It promises bounded memory (about 120 bytes for each of [Config.Conversations]; those
// that find no room go to the other listener alone, and are counted), no allocation for
// a segment, and that nothing a peer sends can stop it. It keeps no byte of what is said.
package rhythm
