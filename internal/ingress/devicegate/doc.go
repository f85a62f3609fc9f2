// Package devicegate guards framed TCP device servers, in-band (a child of
// stage 1, ingress). How they talk is a [haechi.Profile], which is data: the gate knows
// no protocol of its own, not even that of the public KakaoTalk bot servers.
//
// What it promises, whatever the server behind it does:
//
//   - Nothing reaches the upstream before the device has proved itself. The
//     handshake is held; the gate sends a ping of its own; only a signed answer
//     from the same identity opens the upstream connection, or, where a profile has
//     nothing to send, the signature of the handshake itself.
//   - The answer that proved the device is not forwarded. Neither is any later
//     answer that echoes the gate's own server_timestamp: the server never asked.
//     Every other answer is forwarded.
//   - Frames that came before the proof are kept within bounds and follow the
//     handshake in their order, each verified at that moment.
//   - Every frame carries a valid signature of the identity that shook hands;
//     handshake, auth and body must name it alike, byte for byte. Only events that the
//     operator exempts by name need none.
//   - What is forwarded are the original bytes, after every check has passed. A
//     frame whose event the profile does not name is no exception; a second
//     handshake is refused.
//   - A newcomer replaces an older session of its identity only once it has
//     proved itself.
//
// A refusal is told to the device in one error frame with a code, a text and a
// reference, then the connection is held open in silence (a device that is
// refused comes back every four seconds when it is closed) or closed. What a
// limit refuses is answered with the same frame and never forwarded; the
// connection is cut after [Config.MaxRefused] such refusals in a row.
//
// [Machine] is the protocol as a pure state machine: bytes and the time go in,
// actions come out; it asks the registry, the prover and the inspector in memory
// and does no I/O. [Gate] is what moves the bytes around it.
//
// A plain TCP connection that has nothing to do is parked (package parking): it has no
// goroutine, no buffer and nothing of package net, only its two descriptors and what
// the next frame will be judged by. A peer that does not read holds one goroutine and
// one buffer, and only its own connection up. A connection in TLS keeps a goroutine
// and what TLS needs.
//
// [Trial] is the same machine for frames that were recorded.
//
// It never parses what the upstream sends (it counts bytes and the ends of frames), never
// keeps a message, and never knows a key.
package devicegate
