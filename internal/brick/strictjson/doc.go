// Package strictjson scans one JSON object at the start of a byte slice and says
// where it ends, so that what follows can be taken as a raw tail.
//
// It is a brick: domain-free, without clock, network or disk. It promises that
// whatever it accepts means the same to every conforming reader: RFC 8259 syntax,
// valid UTF-8, no NUL and no lone surrogate in any spelling, no two names of one
// object that are equal after unescaping, or equal but for case, no name that is that
// of a path but for case, and no number beyond 64 bits. Case is Unicode's simple
// folding, the comparison of encoding/json, and the letters i with and without a dot
// are one, as other languages have it. Depth, members and the length of a name are
// bounded. It never allocates while scanning, never changes the input and never
// interprets a value.
package strictjson
