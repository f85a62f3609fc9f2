// Package msrpc reads the packets of DCE/RPC (connection-oriented, version 5, as Windows
// speaks it; MS-RPCE) as far as a third party understands them, and knows the names of
// the interfaces and operations by which one Windows host works on another. A brick.
//
// It promises to survive any bytes and to allocate nothing. The number of an operation is
// in clear even where its arguments are sealed. It reads arguments only where they are
// not, and only for a name; it keeps nothing.
package msrpc
