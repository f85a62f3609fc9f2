// Package capture brings frames (stage 1, passive): of pcap and pcapng files, and of
// network interfaces, where the kernel writes them into memory that it shares (AF_PACKET,
// TPACKET_V3).
//
// It promises that no file stops it: a cut or hostile one ends with an error after what
// could be read of it, lengths are bounded before memory is taken, and a frame of a link
// type that nobody reads is counted and left out. Bytes of a frame are borrowed until the
// next one; those of a pcap file are the kernel's own pages, so that payload at which
// nobody looks is never copied, and a file that is cut under its reader is an error. It
// never writes a file or sends a frame, and never opens a file itself.
package capture
