// Command compare measures the gateway beside its peers and prints a report in
// Markdown. It is a tool of the benchmarks and belongs to no stage.
//
// The server under test has processor 0 to itself, with one worker; load and
// upstream share processor 1. Peers take turns within a round, and medians over the
// rounds count. What is compared is the processor time for one operation, of the
// whole process group, including what it still writes after the load has ended; the
// rate is shown beside it. A run ends with an error, and no report, when a peer
// refuses or breaks anything, when its log lacks operations, or when it was the load
// generator that set the pace.
//
// With a first argument it is one of its own helpers: "upstream" answers HTTP
// requests, "open" asks at random times, "hands" makes TLS handshakes, "sink" counts device
// frames, "phones" sends them; "wafproxy" is a proxy with Coraza, "ask" loads the
// application firewalls and "taking" is the upstream behind them. It only ever talks to
// loopback addresses, and everything it starts ends with it.
package main
