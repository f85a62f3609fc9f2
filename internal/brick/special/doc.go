// Package special knows the IANA special-purpose address registries for IPv4 and IPv6
// (RFC 6890 and its updates, as of 2025) and the multicast ranges. It is a brick of no
// stage.
//
// It promises the most specific block of an address, also where a block lies within
// another one (192.0.0.9 is globally reachable, 192.0.0.0/24 is not); that an IPv4
// address written as IPv6 is judged as IPv4, and a NAT64 one by the IPv4 address in it.
// It allocates nothing and never guesses by a prefix of the text.
package special
