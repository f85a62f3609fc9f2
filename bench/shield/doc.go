// Package shield measures the kernel's enforcer in a network namespace of its own: how
// long a deny list of a million entries takes to load and to replace, what it costs in
// memory, how many packets slip through meanwhile, and how long a decision waits; what
// the XDP program costs a packet, beside the kernel's tables and nftables; how many packets
// it counts beside AF_PACKET; and what the process needs while ten million sources send. It
// is a benchmark of no stage and holds nothing else.
//
// Run it as root with: go test ./bench/shield -run '^$' -bench . -benchtime 3x
package shield
