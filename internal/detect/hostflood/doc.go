// Package hostflood finds floods by what the kernel counted (stage 3, out-of-band):
// host_syn, host_udp, host_icmp, host_fragments and bandwidth, ATT&CK T1498.001,
// T1498.002 and T1499.001. Rows B33, B34, B39, B40, B43, B47 and B48, flaws F67 to F72.
//
// It needs no interface to be named, no packet and no right: the kernel counts in any
// case. In turn it knows no source, no port and no service; detect/flood does, where a
// sensor sees packets.
//
//	host_syn        handshakes that nobody completes, in a minute (B39): SYNs answered by a
//	                cookie that does not come back, SYNs refused because the queue was full,
//	                and SYN-ACKs that have to be sent again, of which each handshake has up
//	                to five. Half of all handshakes have to be such (F71). Connections that
//	                this machine dials and nobody answers are taken out.
//	host_udp        datagrams to ports that nobody has, or that a program cannot take any
//	                more, a second in the mean of ten. What a program takes is its business.
//	host_icmp       pings received, and answers to pings that this machine did not send
//	                (Smurf), a second in the mean of ten.
//	host_fragments  fragments of which no packet came about, beyond the 45 of which an
//	                honest datagram has at most, a second in the mean of ten; and ones that
//	                no honest stack makes: overlapping, or of a packet that would be too long
//	                (ping of death).
//	bandwidth       bytes or packets of an interface in one direction, in the mean of ten
//	                seconds (B47): above the ceiling (B40: 100 Mbit/s, and as many packets as
//	                such a link can carry), or, once a week is known, above what was the most
//	                of this hour of the day by so many deviations. Above the ceiling alone is
//	                low, since many sites live there (F71).
//
// An incident has a start, is told again when it has doubled, grew more severe, is of
// another kind or has gone on for five minutes, and ends when it stayed under half of its limit for a minute; the last
// finding names the peak. Two floods one after the other are two (F69). The evidence names
// no source: every finding is Spoofable and about the machine, and nobody is decided about.
//
// Known false positives: a service that does not take connections or datagrams in time
// under honest load; backups, where no week is known yet (low). A bridge repeats what its
// port sees, and is told of beside it.
//
// It promises bounded memory: a minute of eighteen numbers for each of the first four, and
// for bandwidth 64 interfaces of 3 KiB; what found no room is counted. Where an attack has
// two limits, what is observed is given in the unit of the first. It never decides,
// and knows no clock but that of the events.
package hostflood
