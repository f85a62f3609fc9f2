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
//   - distributed guessing, about the server, since no client did much: [Config.Sources]
//     clients that failed at one name of one server in [Config.Window]; or, where names are
//     not seen (SSH on the wire), that failed at one server which never let them in, which
//     is medium. A client of them that gets in makes it critical.
//
// Lines of a web server's log count as logins when they name a user. Without a name, 401 is
// a question that a browser may answer: it counts for one path only, until the path is given
// out, and the finding is low. A page whose session ran out does the same. On the wire the
// credentials themselves are seen, and such requests are told as logins.
//
// What is no attempt: an outcome nobody knows, a key that was offered and not accepted
// (Type "publickey": an agent offers all it has), a connection whatever its size. Short
// connections to SSH in a row are what guessing looks like where nothing but flows is seen,
// and git, Ansible and monitoring look the same, so that nothing is said of them.
//
// Known false positives: a program with an old password that tries again and again. It is
// told, since it looks the same from outside, and so does whoever looks at it.
//
// It promises bounded memory: [Config.Clients] clients of about 700 bytes,
// [Config.Targets] names of about 600 and a quarter as many servers of about 1 KiB, and what
// found no room is counted. It never decides
// and knows no clock but that of the events.
package brute
