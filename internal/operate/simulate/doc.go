// Package simulate plays traffic of which is known what it must give (a use case, under
// operate): the two simulations of the source documents (rows B56 and B113), one scenario
// for each detector of the network, and honest traffic that must give nothing. A scenario
// is written as a capture: real packets with checksums, TCP with its handshakes, dialogues
// of SSH, FTP, Telnet, SMB, HTTP and DNS as servers have them.
//
// It promises that
//   - the same scenario, start and seed give the same file, byte for byte: time is given;
//   - every scenario is bounded, in packets (300,000) and bytes (64 MiB), and what exceeds
//     that is an error and no shorter file;
//   - every address is of a private or a documentation range (RFC 1918, RFC 5737, RFC
//     3849), so that nobody's network is named.
//
// The documents' flood can also be played against a gateway that runs ([Visit]): 2,100
// requests over at most two minutes and 32 at once, to a literal address in 127.0.0.0/8.
// Anything else is refused.
//
// It sends nothing but that: a capture is written to whoever asks for it. It knows no
// detector and no threshold by name of its code; that the scenarios give what they say is
// a test of the part that wires them.
package simulate
