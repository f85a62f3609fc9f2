// Package scan finds port scans (stage 3, out-of-band): port_scan, ATT&CK T1046, and
// T1018 where hosts are looked for. Rows B90 and B101, flaw F82.
//
// What it sees: flows. The first time that a source speaks to a port of a host is a
// contact, and what becomes of it is its outcome:
//
//	good   data or a datagram came back, or the initiator acknowledged something
//	bad    rejected, reset or left half-open; not answered within [Config.Answer];
//	       opened and closed without a byte; begun with no SYN at all (FIN, NULL and
//	       XMAS scans)
//
// Each outcome moves the source's likelihood ratio, as in Jung, Paxson, Berger and
// Balakrishnan, "Fast Portscan Detection Using Sequential Hypothesis Testing" (2004),
// with their shares of contacts that succeed, 0.8 of an honest source and 0.2 of a
// scanner. The bound is 10^-5 and not their 10^-2: with ten thousand sources a day that
// is a false finding in ten days, if contacts fail independently. So nine bad contacts
// in a row are a scan, whether it takes a millisecond or six hours, and a source to
// which as much succeeds as fails never reaches it. A datagram or ping that is not
// answered counts half, because many protocols do not answer.
//
// Contacts do not always fail independently, so that what they have in common is asked
// as well:
//
//   - The bad ones must be a row of ports on a host, of hosts on a port, or a block of
//     both: twice as many contacts as hosts, or as ports. A client of a peer-to-peer
//     network meets each host on a port of its own. Without this, twice the evidence
//     is needed, and no good contact.
//   - From inside to outside twice the evidence is needed: a host that lost its way to
//     the Internet fails everywhere.
//   - A contact that was good once stays so: a server that is down is no scan.
//
// Beside that stands the source documents' rule: more than [Config.Ports] ports of one
// host within [Config.Window], of which at least half were bad.
//
// One incident a source, from its first bad contact until it is silent for ten minutes,
// or eight times the mean pause between its contacts. It is told again when the number
// of contacts has doubled.
//
// Who is no scanner: whoever only answers (backscatter of a forged flood), groups and
// broadcasts, traceroute, and hosts with the role of monitoring or scanner. Behind a NAT
// gateway, in a mail server or resolver most contacts are good.
//
// Known false positives: a host inside whose servers are all down at once, on nine
// ports that it never reached before; a NAT gateway with a scanner behind it is told as
// the scanner. Not seen: scans by ACK alone, and a scan from many sources that each
// make fewer than nine contacts.
//
// It promises bounded memory: [Config.Sources] sources of 100 bytes, 2.4 KiB for those of
// more than one contact, and up to 4 KiB more for those of many bad ones; a source makes room for another one once it was
// silent for a minute, and what found no room is counted. It never decides.
package scan
