// Package detect turns events into findings, out-of-band (stage 3). Its child
// folders are the detectors: rules holds those that are data.
//
// It promises that a detector sees events and nothing else, has bounded memory,
// runs on event time only, and gives the same findings for the same events,
// whether they come from live traffic, a capture or a log. It never decides.
package detect
