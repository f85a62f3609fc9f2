// Package syncookies makes the kernel answer every SYN by a cookie while an attack goes on
// (stage 5), by net.ipv4.tcp_syncookies, which counts for IPv6 as well: a connection costs
// nothing then until its client proved to be where he says. It is 1 in most systems, cookies
// only when the queue is full, which needs the queue to be full.
//
// It promises that what was set before comes back, also when the process died in between:
// it is written down before it is changed. It never turns cookies off, and never decides.
package syncookies
