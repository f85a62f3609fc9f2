// Package conncap bounds how many connections one client may hold at once. It is
// a brick of no stage; a listener asks it at accept.
//
// It promises that a client never holds more than its cap, that the table of
// clients is bounded, and that a refusal is counted. It fails closed: when the
// table is full, a client it does not know is refused.
package conncap
