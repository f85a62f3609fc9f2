// Package brute finds passwords being guessed (stage 3, out-of-band): brute_force, ATT&CK
// T1110.001, T1110.003 when many names are tried, T1110.004 never, since a password is
// never seen.
//
// What it sees: logins by their real outcome (KindAuth), from the wire and from logs, and
// requests that a server answered with 401 (KindRequest). A connection or a page load is no
// attempt (flaw F81). The gates' own logins have rules of their own and are left out.
//
// Told are, each as one incident:
//
//   - guessing and spraying: [Config.Failures] failures of one client by one protocol in
//     [Config.Window] (rows B91, B102: 5 in 300 s). Failures of a name that then gets in
//     are forgotten while there is no incident; a success after one makes it critical.
//   - slow spraying: [Config.Names] different names that failed within [Config.Slow].
//   - distributed guessing: [Config.Sources] clients that failed at one name of one server
//     in [Config.Window], about the server, since no client did much.
//
// Requests without a name that got 401 count for one path only, and the finding is low: a
// page whose session ran out does the same.
//
// What is no attempt: an outcome nobody knows, a key that was offered and not accepted
// (Type "publickey": an agent offers all it has).
//
// Known false positives: a program with an old password that tries again and again. It is
// told, since it looks the same from outside, and so does whoever looks at it.
//
// It promises bounded memory: [Config.Clients] clients of about 500 bytes and
// [Config.Targets] names of about 400, and what found no room is counted. It never decides
// and knows no clock but that of the events.
package brute
