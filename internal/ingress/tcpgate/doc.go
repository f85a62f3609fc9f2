// Package tcpgate guards opaque TCP services, in-band (a child of stage 1, ingress):
// whatever speaks TCP and is neither HTTP nor a framed device.
//
// What it promises, whatever peers and servers do:
//
//   - The server behind is reached only after the client's TLS handshake or hello,
//     where the service asks for one, and after the inspector has let the client in. A
//     client that is refused never opens a connection behind.
//   - TLS is ended here, or passed through unread but for its first message: the
//     hello is parsed by crypto/tls, within a bound of bytes and of time, for the name
//     by which the server behind is chosen. What was read is handed on unchanged.
//   - A decision cuts a live connection at once, also one that waits, is slowed down,
//     or cannot write.
//   - Every wait is bounded: hello, connect, silence, a peer that does not read and,
//     where it is set, a peer that is slow.
//   - Bytes over a client's rate wait, and are refused where they would wait too long.
//   - Where nobody has to see the bytes the kernel moves them (package splice).
//     A connection that is silent for a fifth of a second holds no goroutine, buffer or pipe: it is
//     parked (package parking).
//
// Every connection has a connect event (or the refusal in its place) and a close event
// with its bytes, its duration and the reason of its end.
//
// It never looks into the bytes it passes on, never keeps them, and never answers in
// the protocol of a service; the one thing it may say is the TLS alert that a name is
// not served.
package tcpgate
