// Package decode reads frames: link layers, VLAN tags, IPv4 with options, IPv6 with
// extension headers, fragments, tunnels (GRE, VXLAN, IP in IP), TCP, UDP and ICMP with
// the packet that an error is about (stage 1, passive).
//
// It promises that no frame stops it, that it allocates nothing, and that depth is
// bounded: four tags, eight extension headers, three tunnels. What it cannot read it
// says so with one of few results, which are counted. Fragments are not put together:
// the first tells the ports, later ones are counted with the addresses alone.
//
// It is written by hand, since gopacket's fastest form takes three times as long
// (docs/decisions/0031-packets-by-hand.md); a test compares the two on made and on
// mutated frames.
package decode
