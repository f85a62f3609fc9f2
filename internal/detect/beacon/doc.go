// Package beacon finds programs that call home (stage 3, out-of-band): c2_beacon, ATT&CK
// T1071.001 (over HTTP), T1573 (over TLS), T1571 (on a port of its own).
//
// What it sees: for each internal client, destination and port three series over event
// time: HTTP requests, beginnings of TCP connections, and turns within one connection
// (KindTurn). Times within a second of each other are one visit. While a client has more
// than six connections to the destination open, and until the last of them is over,
// nothing is a visit: that is a transfer, a tunnel or a flood, not somebody who comes back.
//
// Gate: the intervals are regular. Of the last 48 intervals, so many lie within 2, 5,
// 10, 20, 30 or 50 percent of their median that arrivals without memory would show it
// with a probability of at most [Config.Chance] (regular.go; the median and its
// neighbourhood, not mean and variance, so that a burst of orders or a lost night does
// not hide the rhythm, and jitter does not either). People and pages do not pass.
//
// But clocks, updates, monitoring and push services pass as well: a rhythm is no crime.
// What tells an implant is what honest software with a timer does not leave out. Each is
// a weak signal, worth points (shape.go):
//
//	2  calls itself a browser and sends no Accept header; every browser does
//	1  asks for a bare address: the Host header is an address; or, outside HTTP, the
//	   destination is external and nobody asked DNS, SNI or Host for a name of it
//	1  TLS without a server name
//	1  TLS on a port that no TLS service has, or a protocol that nobody knows on a port
//	   that no service has
//	1  what is sent is small (4 KiB) and always about the same size (the median
//	   deviation from the median is at most a quarter of it); of a turn, the segment that
//	   begins it
//	1  the name is below one of [Config.Free], domains in which anybody gets a name for
//	   nothing and at once: dynamic DNS, and top-level domains that were given away
//	3  the name ends in .onion, which no resolver may ask for (RFC 7686)
//	3  the destination is on a deny list of the operator's, in whatever mode
//
// Three points are low, four medium, five and more high; fewer are not told.
//
// What does not count: clients with the role monitoring, destinations with the roles
// monitoring, backup or directory, loopback, multicast. UDP is not judged at all: its
// regular senders are clocks, telephones and tunnels with a keepalive.
//
// Known misses: an implant that keeps seven connections or more to its server open.
//
// Known false positives: devices that poll an address by HTTP with the name of an old
// browser in their firmware and nothing else; peers of file sharing. Both belong on the
// allow list by their destination.
//
// It promises bounded memory ([Config.Peers] destinations of 260 bytes and as many series
// of 450; what found no room is counted). It never decides, and knows no clock but that
// of the events.
package beacon
