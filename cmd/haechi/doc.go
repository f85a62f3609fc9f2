// Command haechi is the gateway and everything that operates it. It is the only
// importer of app. It promises
//   - plain text when the output is no terminal, and --json everywhere;
//   - exit code 0 for done, 1 for failed and 2 for wrong use, each error with the
//     next step;
//   - messages in Korean and English from the one catalogue, while help and JSON
//     are English;
//   - that nothing a peer chose reaches the terminal unescaped, ends a line or
//     moves a column.
//
// It never changes anything itself: a command asks the running gateway over its
// local socket, or starts one. Only `init`, `backup restore` and `audit verify
// --offline` work on files, while nothing runs. testdata/script is its
// specification.
package main
