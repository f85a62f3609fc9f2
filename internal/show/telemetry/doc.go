// Package telemetry is the gateway's metrics for machines (stage 7), in the
// Prometheus text format: the four of the source documents (rows A49 to A52) and
// the gateway's own.
//
// It promises that a label takes its values from a closed set of the program,
// never from a peer: no address, device, path or name of a room. It keeps a
// registry of its own. Its tap neither blocks nor allocates.
//
// It never listens: the caller serves the handler on the console's listener or
// an address of its own.
package telemetry
