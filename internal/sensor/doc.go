// Package sensor is the passive half of stage 1: packets, flows and log lines become
// events. Its child folders are capture (where frames come from), decode (what a frame
// says), flow (which conversation it belongs to), talk (what is said in it), procnet (what
// the kernel counted), logtail (lines of logs), netflow (flows that others counted, and packets that they sampled),
// conntrack (connections that the kernel forgets) and closeup (packets of whom is watched).
// This package holds the few words by which they meet; app wires them.
//
// It promises bounded memory, that nothing it reads can stop it, and that what it
// tells depends on the input alone: time is that of the packet or line. It never
// answers, delays or decides anything.
package sensor
