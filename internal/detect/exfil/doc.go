// Package exfil finds data that leaves (stage 3, out-of-band): exfiltration, ATT&CK
// T1048 (T1567 when it goes to a service of the web).
//
// What it sees: flows (KindFlow) that an internal host began with an external address,
// and of them the bytes that the host sent, while it sends at least [Config.Ratio] times
// of what it gets: uploads. Calls and games with pictures are about even, downloads are
// the other way round. What an internal server answers to a client outside is serving
// and does not count here.
//
// A destination is the registered domain by which the address was reached, and without a
// name its /24 (IPv6: /48). It is known after so much went there on three different days
// that it mattered (a tenth of the limit); until then it is new.
//
// A finding is one of two:
//
//   - a host sends more to new destinations together, within an hour, than 100 MiB (the
//     source documents' number, B92) and than three times its habit;
//   - a host sends more to one known destination than 100 MiB and than three times the
//     greater of its own and the destination's habit.
//
// A habit is the median, over the last 14 days with any, of each day's greatest hour;
// none before the third day. What belongs to a finding is not learned, so a patient thief
// raises the limit to three times itself in half of 14 days, and below 33 MiB an hour not
// at all.
// Findings are critical once the host has a habit and high before that, when everything
// is new.
//
// What does not count: hosts and destinations with the role backup.
//
// Known false positives: the first great upload of a host to a service (a move to
// another cloud, a film sent to a customer). The destination's role or the allow list
// ends it; three days of it do too.
//
// It promises bounded memory: [Config.Hosts] hosts, four times as many pairs of host and
// destination, as many destinations and as many running flows, each below 350 bytes.
// What found no room is counted. It never decides, and knows no clock but that of the
// events.
package exfil
