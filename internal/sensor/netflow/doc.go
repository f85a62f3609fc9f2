// Package netflow makes flow events of what routers counted and switches sampled (stage 1,
// passive): NetFlow version 5, version 9 (RFC 3954) and IPFIX (RFC 7011, both directions in
// a record by RFC 5103), and sFlow version 5, datagram by datagram.
//
// Exporters tell of each direction by itself, when it is over or has gone on for long. So
// a record waits [Config.Wait] for the one of the other direction, and both become one
// event (KindFlow, at its end). Who began is told by TCP's flags, else by who was first,
// else the higher port did. A SYN without an ACK is an attempt whoever reports it; that a
// datagram was not answered is believed only of an exporter that shows both directions.
// Amounts of samples are multiplied by the rate; what became of a sampled conversation is
// not claimed.
//
// Packets that were sampled (sFlow) are collected for as long, by conversation. That one was
// not answered is claimed only where so much was sampled of what its target is sent that
// answers would be among it; at a rate of 1 all is there.
//
// The clock of an exporter is not trusted: a flow began so long before the datagram came
// as it did before the datagram was made. Anybody who can reach the socket can write an
// exporter's address on a datagram, so that no address is ever believed (Assurance) by
// what is told here.
//
// It promises bounds, each with a counter: 256 exporters of 256 templates of 128 fields,
// [Config.Waiting] records and as many
// conversations that are sampled, and 16,384 hosts of samples twice. It allocates nothing for a record, knows no clock and no
// socket, cannot be stopped by what it reads, and never decides. Fields that it does not
// know are skipped; records that one router more reports of the same flow are not known
// as such.
package netflow
