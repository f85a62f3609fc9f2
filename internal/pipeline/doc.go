// Package pipeline is the out-of-band story: what the gates and sensors observed
// goes through detectors to findings, decisions and enforcement, and beside that
// into the records. Read pipeline.go; the other files are its parts.
//
// It belongs to no stage: it joins them, through the small interfaces in deps.go.
//
// It promises:
//
//   - [Pipeline.Emit] never blocks, never fails and never allocates while a queue
//     has room. When one is full, events are coalesced, then counted in overflow
//     buckets: counts are never lost, details may be.
//   - Events of one actor are seen by one goroutine, in the order of their arrival,
//     so that detectors need no locks. The actor is the device once it is
//     authenticated and the client key before that, so that nothing an
//     authenticated device does is held against the address it shares.
//   - Events of actors on the allow list are recorded and shown, and no detector
//     sees them.
//   - A detector, decider or recorder that panics is counted and logged once; it
//     never takes the others with it.
//   - Findings and decisions have a queue of their own and are never coalesced.
//     When it is full, the detector's goroutine waits, and meanwhile its events
//     coalesce. Nothing in-band ever waits for it.
//   - Memory is bounded, whatever the number of actors.
//
// It never judges a request, reads a socket, or keeps what it has passed on.
package pipeline
