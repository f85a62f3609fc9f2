// Package splice moves bytes from one TCP socket to another inside the kernel, by
// way of a pipe (splice(2)). It is a brick of no stage. Linux only, as the product is.
//
// A pipe costs two descriptors, so a [Pool] bounds them, and a [Mover] holds one only
// from the first byte it takes to the last it hands on: a connection that waits, for
// whatever long, has none. Where the pool has none left the mover says so, with the
// bytes still in the socket, and its owner copies them instead.
//
// It never sees the bytes, never closes a socket, and sets no deadline: those of the
// sockets hold.
package splice
