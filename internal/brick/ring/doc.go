// Package ring keeps the last values of a stream, for example the backlog that a
// new viewer of the live stream is shown. It is a brick of no stage.
//
// It promises a fixed number of places, allocated once, and no allocation after
// that. It never blocks for long and never grows: the newest value takes the place
// of the oldest.
package ring
