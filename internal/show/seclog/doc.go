// Package seclog is security.log (stage 7): one line for each refusal or failed proof of
// a peer, for programs that read logs, fail2ban first of all. docs/fail2ban.md has its
// format and the filter for it.
//
// It promises:
//
//   - A line tells of one event, and its address is the peer's own: it is the first word,
//     and nothing that a peer chose stands before the end of the phrase. What a peer chose
//     is bounded, and written without line ends, spaces and control characters, so it can
//     neither begin a line nor look like a phrase. The fuzz target FuzzLine holds it to that.
//   - Only addresses that completed a handshake are written, so that nobody can have another
//     one banned by forging it (flaw F38); nobody on the allow list; nothing that was only
//     watched; and what a proved device did has a phrase of its own, which no filter takes.
//   - The tap never blocks, and allocates nothing once its buffers have grown. When the file
//     cannot be written, lines are dropped and counted, and the gateway goes on.
//   - The file may be moved or taken away at any time: it is made anew within half a second,
//     and so are lines that follow one which was cut short. It never grows beyond its bound.
//
// It never decides anything, and never writes a secret or a body.
package seclog
