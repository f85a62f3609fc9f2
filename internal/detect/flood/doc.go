// Package flood finds floods in what a sensor saw (stage 3, out-of-band): syn_flood,
// udp_flood, icmp_flood, fragment_flood, amplification, http_flood and slow_http,
// ATT&CK T1498.001, T1498.002, T1499.002 and T1499.003. Rows B33 to B49, flaws F67 to
// F72.
//
// Each is a detector of its own with a file of its own, and each counts for each
// target, in a window of sixteen cells; a flow that goes on is counted by what was
// added since it was told of last, spread over that time (a total is no rate, F67).
//
//	syn_flood       connections begun and not completed (F70): more than B39's number
//	                in a minute, half of all, on one port or from many sources. A
//	                connection counts once it had time to complete. Refused ones count
//	                only from many sources, so that a program that retries is none.
//	udp_flood       datagrams that are not answered, by number or by volume (B40: 100
//	                Mbit/s in the mean of ten seconds). A download over QUIC, a call, a
//	                tunnel and a resolver are answered, and so never counted; nor is what
//	                nobody knows to be unanswered.
//	icmp_flood      echo requests, unasked echo replies of many hosts (Smurf), and
//	                datagrams that no host could put together (ping of death).
//	fragment_flood  fragments that nobody answers, and ones no honest stack makes.
//	amplification   answers that nobody asked for, from many hosts to one: SYN-ACKs,
//	                and datagrams from the ports of services that answer with more than
//	                they were asked; and the other side of it, a server of ours that
//	                answers an outside address with ten times as much as it is asked.
//	http_flood      requests to one service: of one client (B58's hundred a second; or
//	                one after the other for paths that do not exist), or of many clients
//	                at once (B38, B46) far above what the service had before (F71) or
//	                while it answers with errors.
//	slow_http       connections on which hardly anything moves for a quarter of a minute
//	                while the client keeps them open: heads or bodies in drips
//	                (Slowloris, RUDY), and answers that are not taken or in drips (slow
//	                read). Many at once, and several to a client.
//
// Targets are rolled up by /24 and /48, so that a flood over a whole network (carpet
// bombing) is seen, at four times the amount and from many sources only.
//
// An incident has a start, is told again when it has doubled or grew more severe, and
// ends when it stayed under half of its limit for a minute; the last finding names the
// peak. Two floods one after the other are two (F69). What packets alone support is
// Spoofable, and the finding is about the target: nobody is decided about.
//
// Known false positives: a capture that holds only the answers of a busy resolver looks
// like amplification; a load test is a flood.
//
// It promises bounded memory for each detector: 4,096 targets of 1 KiB and as
// many networks at most, 2 KiB more for those with many sources, and 65,536 flows of 100
// bytes that are under way; what found no room is counted. Memory falls back when it is
// quiet (F72). It never decides.
package flood
