// Package listener accepts connections for every gate (stage 1, ingress).
//
// A [Pool] owns the sockets of the operating system. A [Listener] is one
// service's hold on one of them: a reload makes a new Listener on the same
// socket, which then gets all new connections, and closes the old one; the
// socket itself stays open as long as anybody holds it, and so does the backlog
// of the kernel.
//
// It promises that whatever Accept returns is an *ingress.Conn whose client is
// known (from the peer address, or from a PROXY header of a trusted network and
// of nobody else), who was judged, and who holds a place in the cap of its
// client key. Waiting for a header never holds up the accept loop. Connections,
// awaited headers and waits are bounded, and what is refused is counted.
//
// It never reads beyond the PROXY header, terminates TLS or records.
package listener
