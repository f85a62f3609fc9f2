// Package client connects a device to a Haechi gateway: it dials (plain TCP or TLS),
// shakes hands, proves itself, signs every frame, answers pings and challenges, and
// comes back when the connection is lost. It is public and belongs to no stage.
//
// It speaks two protocols: [SignedLines], in which every byte of every frame is
// signed (docs/signature.md), and [Messengerbot], that of the public KakaoTalk bot
// clients, with the same signature as an optional second one.
//
// It promises that
//   - nothing but the handshake and the proof is sent before the gateway asked for
//     the proof, and frames are sent in the order in which they were given;
//   - a frame whose writing failed is sent again first thing on the next connection,
//     the same bytes, so that the gateway can tell it from a replay, as long as that
//     is honest: not longer than [Config.ResendFor];
//   - the delay between two attempts doubles, is jittered, has an end, and starts over
//     only after a connection has really worked for a while; several servers are tried
//     in turn;
//   - a device that is refused says nothing more on that connection, where it would be
//     thrown away, but stays until the gateway closes it;
//   - its queue is bounded: what does not fit is refused to the caller and counted,
//     and nothing older is thrown away for it;
//   - when Run returns, its goroutines have ended and its connection is closed.
//
// It does not know whether a frame that was written arrived: a connection can die with
// bytes on their way. Where that matters, the application acknowledges.
//
// It never logs or prints key material, never trusts an unverified server on its own
// account (the caller's tls.Config decides), and needs nothing beyond the standard
// library.
package client
