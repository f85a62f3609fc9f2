// Package dnstunnel finds data carried in DNS names (stage 3, out-of-band): dns_tunnel,
// ATT&CK T1071.004 when it is a channel, T1048.003 when it carries data away.
//
// What it sees: lookups (KindLookup), and flows to port 53 that are no DNS. For each
// client and registered domain it counts, over a window, how many different names were
// asked, how long and how random the part below the domain is, which types were asked
// for, and how much the names add up to. Names that end in no top-level domain are put
// together by the server that is asked: who speaks to a server of his own needs none.
//
// Nothing of that is proof alone. Each property is worth points (see score.go), and a
// finding needs [Config.Points] of them and [Config.Names] different names:
//
//	3  NULL, private or KEY records: no application asks for them
//	2  the same domain is asked for different names of two or more of the types that
//	   carry bytes (TXT, CNAME, MX, SRV, NULL, KEY)
//	2  bytes in names that are no host name's (RFC 952): binary data
//	1  four of five questions are of types that carry bytes
//	1  names are long, 30 characters below the domain in the mean; 2 from 70, which
//	   needs more than one label (63) and is more than any digest in use
//	1  four of five names look encoded: digits and letters in turn, hexadecimal, or
//	   runs of consonants
//	1  no name is asked twice
//	1  8 KiB of names in the window; 2 from 64 KiB
//
// What does not count: reverse lookups, multicast DNS and LLMNR, names of .local, and
// answers in 127.0.0.0/8 (blocklists, RFC 5782).
//
// Known false positives: security software that sends digests of files as TXT questions
// reaches the points when it sends many hundreds in a window; it is told as low, and the
// domain belongs on the allow list. Delivery networks that put an identifier of each
// visit into a name stay one point below.
//
// It promises bounded memory: [Config.Keys] pairs of client and domain of about 300
// bytes, and what found no room is counted. It never decides and knows no clock but that
// of the events.
package dnstunnel
