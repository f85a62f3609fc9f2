// Package ingress is where traffic enters, in-band (stage 1). It declares what
// every gate asks of the rest of the house: an inspector to judge, a sink for
// events, a registry of live sessions; and the connection that a listener hands
// to a gate. The gates themselves are its child folders.
//
// It promises that a gate never sees a peer address that was not resolved by the
// listener. It never judges, decides or records.
package ingress
