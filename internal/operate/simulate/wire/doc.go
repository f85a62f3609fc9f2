// Package wire makes a link that leads nowhere and puts frames on it, so that scenarios are
// seen by a sensor that runs (a use case, a child of operate/simulate).
//
// A link is a pair of virtual interfaces (veth). One end stands where the caller is, up and
// without an address; the other one is alone in a network namespace that only this process
// has. Frames are put on the far end and arrive at the near one, where packet sockets read
// them.
//
// It promises that
//   - what is sent reaches nobody: there is nothing on the link but its two ends, the near
//     one has no address, and IPv6 is off on both;
//   - nothing stays: the namespace and both ends are gone with [Link.Close], and with the
//     process however it ends;
//   - it never touches an interface that it did not make.
//
// It needs root (CAP_SYS_ADMIN for the namespace, CAP_NET_ADMIN and CAP_NET_RAW in it and
// where it is called).
package wire
