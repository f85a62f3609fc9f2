// Package h3 speaks QUIC and HTTP/3 for the HTTP gate (stage 1, ingress), by quic-go,
// which only this package imports.
//
// A [Pool] owns UDP sockets; a [Listener] is one service's hold on one of them, as in
// package listener. A reload makes a new one on the same socket, which then gets all new
// connections. Once nobody holds it, what is under way on its connections is answered and
// nothing more, and it closes with the last of them.
//
// It promises that whatever Accept returns is an *ingress.Conn over a [Conn] whose
// handshake is complete and whose client was admitted by the [Door], like a TCP
// connection. An address counts as the client's own once the client has answered a
// Retry or completed the handshake, and nobody is judged or counted before. While many
// handshakes are under way, and for a client that would be refused, a Retry comes first:
// it keeps no state and costs one packet, so a flood with forged sources does nothing
// else. Handshakes, streams, headers, windows and waits are bounded, and what is refused
// is counted.
//
// 0-RTT and datagrams are off. A connection belongs to the address that it was admitted
// from: when the client moves to another, the connection ends within a second, and
// before any further request; a new port at the same address is not a move.
//
// It never judges, decides or records.
package h3
