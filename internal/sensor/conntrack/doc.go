// Package conntrack makes flow events of the connections that this machine's kernel
// forgets (stage 1, passive): the DESTROY messages of its connection table over netlink
// (ctnetlink, linux/netfilter/nfnetlink_conntrack.h). So a host that forwards for
// containers or a network sees who spoke with whom without reading a packet.
//
// A flow is told when the kernel lets go of it: at once after a refused or reset
// connection, some minutes after an orderly end or silence. Its ends are those of the
// original direction, before any translation of addresses. Amounts are known where the
// kernel counts them (net.netfilter.nf_conntrack_acct), the start where it keeps it
// (net.netfilter.nf_conntrack_timestamp); else the flow has no length and began when it
// was told. Connections within the machine (loopback) are left out.
//
// It promises to read only what the kernel itself sent, to allocate nothing for a
// message, to be stopped by nothing that it reads, and to count what it does not
// understand and what was lost because it was slow. It never changes the table, asks for
// no packet and never decides.
package conntrack
