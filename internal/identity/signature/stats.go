package signature

import (
	"sync/atomic"

	"haechi"
)

// staleAfter is how far, in milliseconds, a frame may be older than the newest
// on its connection before it is counted: the client's queue keeps frames for
// 30 s, and 5 s are slack.
const staleAfter = 35_000

type counts struct {
	proved, duplicate, reuse, late, beforeStart              atomic.Uint64
	missing, malformed, noKey, hmac, clock, graft, notListed atomic.Uint64
	full, shareFull                                          atomic.Uint64
}

// failed counts a refusal. A full memory is counted where it is known which
// bound was reached.
func (c *counts) failed(why haechi.Reason) {
	switch why {
	case haechi.ReasonAuthMissing:
		c.missing.Add(1)
	case haechi.ReasonMalformed:
		c.malformed.Add(1)
	case haechi.ReasonNoKey:
		c.noKey.Add(1)
	case haechi.ReasonHMACFailed:
		c.hmac.Add(1)
	case haechi.ReasonTimestamp:
		c.clock.Add(1)
	case haechi.ReasonUnauthorized:
		c.notListed.Add(1)
	case haechi.ReasonReplay:
		c.graft.Add(1)
	}
}

// count notes an accepted frame, and whether it is oddly older than the newest
// one on its connection.
func (v *Verifier) count(d *device, a answer, ms int64, session uint64) {
	v.counts.proved.Add(1)
	if a == reuse {
		v.counts.reuse.Add(1)
	}
	if d.session != session {
		d.session, d.newest = session, ms
	}
	if d.newest-ms > staleAfter {
		v.counts.late.Add(1)
	}
	d.newest = max(d.newest, ms)
}

// Stats are the counts since start, and how many frames are remembered now.
func (v *Verifier) Stats() []haechi.Counter {
	c := &v.counts
	return []haechi.Counter{
		{Name: "signature.proved", Value: c.proved.Load()},
		{Name: "signature.duplicate", Value: c.duplicate.Load()},
		{Name: "signature.reuse", Value: c.reuse.Load()},
		{Name: "signature.older_than_queue", Value: c.late.Load()},
		{Name: "signature.before_start", Value: c.beforeStart.Load()},
		{Name: "signature.auth_missing", Value: c.missing.Load()},
		{Name: "signature.malformed", Value: c.malformed.Load()},
		{Name: "signature.no_key", Value: c.noKey.Load()},
		{Name: "signature.hmac_failed", Value: c.hmac.Load()},
		{Name: "signature.timestamp", Value: c.clock.Load()},
		{Name: "signature.replay", Value: c.graft.Load()},
		{Name: "signature.device_not_listed", Value: c.notListed.Load()},
		{Name: "signature.replay_memory_full", Value: c.full.Load()},
		{Name: "signature.replay_share_full", Value: c.shareFull.Load()},
		{Name: "signature.replay_memory_held", Value: uint64(max(0, v.held.Load()))},
	}
}
