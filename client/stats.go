package client

import (
	"context"
	"sync/atomic"
	"time"
)

// counts are what a client counts.
type counts struct {
	connects, failed, ready, sent, resent, answered, received   atomic.Uint64
	queued, done, dropped, expired, unreadable, unverified, ref atomic.Uint64
	last                                                        atomic.Pointer[Refusal]
}

// Refusal is what the gateway told a device that it refused. The operator finds the
// rest with haechi why and the reference.
type Refusal struct {
	Code      string `json:"code"`
	Message   string `json:"message"`
	Reference string `json:"reference"`
}

// final reports whether the connection is good for nothing any more. A limit refuses
// one frame; everything else is held, in silence, or closed.
func (r *Refusal) final() bool { return r != nil && r.Code != "RATE_LIMIT" }

// Stats is what a client did and saw since it was made.
type Stats struct {
	Ready      bool   // let in, as far as the device can know
	Waiting    int    // frames in the queue
	Connects   uint64 // connections made
	Failed     uint64 // servers not reached
	Opened     uint64 // times the device was let in
	Sent       uint64 // frames of the caller's that were written whole
	Resent     uint64 // of these, on a later connection
	Answered   uint64 // proofs, and answers to pings and challenges
	Received   uint64 // frames given to the handler
	Dropped    uint64 // refused to the caller, because the queue was full
	Expired    uint64 // too old to be sent again
	Unreadable uint64 // received lines that are no frame
	Unverified uint64 // received frames without the signature they must have
	Refused    uint64 // error frames
	Last       Refusal
}

// Stats is what the client did and saw so far.
func (c *Client) Stats() Stats {
	n := &c.counts
	s := Stats{Ready: c.ready.Load(), Waiting: len(c.queue), Connects: n.connects.Load(), Failed: n.failed.Load(), Opened: n.ready.Load(),
		Sent: n.sent.Load(), Resent: n.resent.Load(), Answered: n.answered.Load(), Received: n.received.Load(), Dropped: n.dropped.Load(),
		Expired: n.expired.Load(), Unreadable: n.unreadable.Load(), Unverified: n.unverified.Load(), Refused: n.ref.Load()}
	if r := n.last.Load(); r != nil {
		s.Last = *r
	}
	return s
}

// Flush waits until every frame that was queued before the call is written or
// dropped, or ctx ends. Somebody has to Run meanwhile.
func (c *Client) Flush(ctx context.Context) error {
	want := c.counts.queued.Load()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for c.counts.done.Load() < want {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
	return nil
}
