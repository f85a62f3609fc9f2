// Package talk follows the conversations that a sensor overhears and hands them to those
// who understand what is said. It is part of stage 1 and implements sensor.Listener:
// segments come in, events go to the function it was made with.
//
// The protocols are in its child folders, which app hands over: naming (lookups, TLS and
// QUIC client hellos), web (HTTP, and proxies), login (dialogues in which somebody logs
// in) and windows (calls by which one host works on another). What a protocol is follows
// from what is said; a port is only a hint where the words alone are not enough (DNS,
// Telnet). Each protocol has one file, and the doc comment of its type says what is told,
// and how an outcome is known.
//
// It promises:
//
//   - Bounded memory: at most [Config.Conversations] at a time and [Config.Bytes] kept for
//     all of them. What the bounds refused is in [Stats].
//   - A conversation that nobody understands costs no allocation and is let go at once.
//     One that is understood costs none for each segment.
//   - The same events however a stream is cut into segments (but for SSH, which can only
//     be judged by sizes), and for segments that come twice or, within 8 KiB, late. What
//     is lost is skipped.
//   - Text that a peer chose is cut at [MaxText] bytes and holds no control characters.
//   - A parser that fails ends the conversation it failed at, and is counted.
//
// It never answers, decrypts what needs a secret, or keeps a password, a body or a file.
package talk
