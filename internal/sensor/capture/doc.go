// Package capture brings frames (stage 1, passive): of pcap and pcapng files.
//
// It promises that no file stops it: a cut or hostile one ends with an error after what
// could be read of it, lengths are bounded before memory is taken, and a frame of a link
// type that nobody reads is counted and left out. Bytes of a frame are borrowed until the
// next one. It never writes a file, and never opens one itself.
package capture
