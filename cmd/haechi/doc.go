// Command haechi is the gateway and everything that operates it: one file a
// command. It is the only importer of app. It promises plain text when the output
// is no terminal, --json everywhere, exit code 0 for done, 1 for failed and 2 for
// wrong use, and that nothing a peer chose reaches the terminal unescaped. It
// never changes anything itself: every command asks the running gateway over its
// local socket, or starts it.
package main
