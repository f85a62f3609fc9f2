// Package flow keeps the table of conversations (stage 1, passive): which packets belong
// together, who began, what became of it, how much went each way. It tells of flows as
// events (KindFlow: begin, update, end) and hands payload to a sensor.Listener.
//
// It promises fixed memory: 64 bytes for an IPv4 flow and 88 for one of IPv6, in a table
// that grows to its bound and no further. When it is full, attempts that nobody answered
// go first, then what is half open, refused or over; an established flow goes only for
// another that is established as well, and is the one that was idle longest. What had to
// go is told as ended and counted. It allocates nothing for a packet. Time is that of the
// packets; with the same seed the same packets give the same events.
//
// It never puts fragments together and never believes an address that did not answer.
package flow
