// Package shield lets a gateway without rights enforce in the kernel (stage 5): a small
// process that may change the packet filter serves an enforcer on a local socket, and the
// gateway speaks to it as to an enforcer. It also hands over packet sockets, which somebody
// with rights has to open and somebody without can read from.
//
// It promises typed requests of bounded size, one answer to each, in order; that the
// serving side forgets nothing that it protects, whatever the other one asks for; and
// that a peer who was not admitted is not read from.
//
// It never decides, and opens no socket itself: who listens, and who is admitted, is the
// composition root's.
package shield
