package signature

import (
	"hash/maphash"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"haechi"
)

// Keys is asked for the keys of a device that are valid now, at most two as a
// rule. It is asked for every frame, so it must neither block nor allocate; the
// answer is read during the call only.
type Keys interface {
	Keys(device string, now time.Time) []haechi.Key
}

// shards spreads the devices' states so that one is seldom waited for.
const shards = 64

// Verifier proves claims. It is safe for concurrent use; claims about the devices of
// one shard, and so those about one device, are judged one after the other.
type Verifier struct {
	cfg    Config
	keys   Keys
	plain  *haechi.Scheme // of claims that name none
	seed   maphash.Seed
	span   int64 // milliseconds a generation covers
	past   int64 // milliseconds
	future int64 // milliseconds
	held   atomic.Int64
	swept  atomic.Int64 // the span in which all devices were last swept
	epoch  atomic.Pointer[time.Time]
	counts counts
	shards [shards]shard
}

// shard is the devices whose names hash alike. A device is found by the hash of its
// name: the seed is secret and random, so two names that share one are not to be had,
// and would share a replay memory, which only refuses more.
type shard struct {
	mu      sync.Mutex
	devices map[uint64]*device
	silent  []silent // by name; of the others a rest makes them
	work    *work
}

// New returns a verifier that asks keys for the keys of a device.
func New(cfg Config, keys Keys) *Verifier {
	cfg = cfg.withDefaults()
	v := &Verifier{cfg: cfg, keys: keys, plain: plain(), seed: maphash.MakeSeed(),
		past: cfg.Past.Milliseconds(), future: cfg.Future.Milliseconds()}
	// Three generations cover past+future ahead of now if each spans half of it.
	v.span = (v.past + v.future + 1) / 2
	for i := range v.shards {
		v.shards[i].work = newWork(v.seed)
	}
	return v
}

// Admitter is a source of keys that also says which devices may use them. It is asked
// after the signature was verified, and neither blocks nor allocates.
type Admitter interface {
	Admits(c *haechi.Claim) bool
}

// Prover is a verifier with keys of its own: one memory for all, so that a frame
// captured at one service does not pass at another.
type Prover struct {
	v    *Verifier
	keys Keys
	who  Admitter // nil: every device with a key
}

// With returns a prover that asks other keys. If they are an [Admitter], that is asked
// too.
func (v *Verifier) With(keys Keys) *Prover {
	who, _ := keys.(Admitter)
	return &Prover{v, keys, who}
}

// Prove is [Verifier.Prove] with the prover's keys.
func (p *Prover) Prove(c *haechi.Claim, now time.Time) haechi.Proof {
	return p.v.prove(c, p.keys, p.who, now)
}

// Prove judges one claim. It keeps nothing of the claim beyond the call. The
// claim's parts are signed as its scheme says, or [Sign], with its timestamp among
// them.
//
// A Duplicate is proved but says nothing new: it must be dropped, and it must
// never count as the answer to a liveness check, since whoever can read the wire
// can send it on a connection of their own.
func (v *Verifier) Prove(c *haechi.Claim, now time.Time) haechi.Proof {
	return v.prove(c, v.keys, nil, now)
}

func (v *Verifier) prove(c *haechi.Claim, source Keys, who Admitter, now time.Time) haechi.Proof {
	if c.Scheme == nil {
		c.Scheme = v.plain
	}
	ms, why := wellFormed(c)
	if why == "" && c.Bound != nil {
		why = second(c.Bound, ms)
	}
	if why != "" {
		return v.refuse(why)
	}
	keys := c.Keys
	if keys == nil {
		keys = source.Keys(c.Device, now)
	}
	if len(keys) == 0 {
		return v.refuse(haechi.ReasonNoKey)
	}
	var room, more [maxSum]byte
	want, ok := decode(&room, c.Scheme, c.Signature)
	bound := want
	if ok && c.Bound != nil {
		bound, ok = decode(&more, c.Bound.Scheme, c.Bound.Signature)
	}
	if !ok {
		return v.refuse(haechi.ReasonHMACFailed)
	}
	frame := maphash.Bytes(v.seed, c.Frame)
	v.sweepOnce(now)
	s, name := v.shard(c.Device)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.Keys != nil {
		if keys = s.work.signedBy(c, want); keys == nil {
			return v.refuse(haechi.ReasonHMACFailed)
		}
	}
	d := s.device(name)
	m := d.both(s.work, c, keys, want, bound)
	switch {
	case m == nil:
		return v.refuse(haechi.ReasonHMACFailed)
	case who != nil && !who.Admits(c):
		return v.refuse(haechi.ReasonUnauthorized)
	}
	return v.admit(d, m, c, ms, now, nonce(bound[:16]), use{frame, c.Session})
}

// second reports why the second signature of a frame cannot be judged.
func second(c *haechi.Claim, first int64) haechi.Reason {
	ms, why := wellFormed(c)
	if why == "" && ms != first {
		return haechi.ReasonMalformed
	}
	return why
}

// beforeStart reports whether a signature may be a replay of what an earlier run
// of the gateway accepted and this one cannot remember.
func (v *Verifier) beforeStart(ms int64, now time.Time) bool {
	return !v.cfg.Start.IsZero() && ms < v.cfg.Start.UnixMilli() &&
		now.Sub(v.cfg.Start) <= time.Duration(v.past+v.future)*time.Millisecond
}

// admit judges a claim whose signature is right: its clock first, then whether
// it was seen before.
func (v *Verifier) admit(d *device, m *mac, c *haechi.Claim, ms int64, at time.Time, n nonce, u use) haechi.Proof {
	now := at.UnixMilli()
	past, future := narrow(v.past, c.Scheme.Past), narrow(v.future, c.Scheme.Future)
	p := haechi.Proof{KeyID: m.id, Skew: time.Duration(ms-now) * time.Millisecond}
	switch {
	case now-ms > past:
		d.note(ms-now, now)
		return v.stale(p, past)
	case ms-now > future:
		d.note(ms-now, now)
		return v.stale(p, future)
	}
	if c.Live && v.beforeStart(ms, at) {
		v.counts.beforeStart.Add(1)
		p.Duplicate = true
		return p
	}
	g, freed := d.generation((ms + v.past) / v.span)
	v.held.Add(-int64(freed))
	if g == nil {
		return v.stale(p, past)
	}
	reuse := v.cfg.Reuse
	if c.Scheme.Strict || c.Bound != nil && c.Bound.Scheme.Strict {
		reuse = 0
	}
	a, more, same := g.judge(n, u, reuse)
	switch a {
	case replayed:
		// Further frames with this signature, against how many this connection may send.
		p.Observed = float64(more + 1)
		if same {
			p.Threshold = float64(max(0, reuse))
		}
		return v.fail(p, haechi.ReasonReplay)
	case duplicate:
		v.counts.duplicate.Add(1)
		p.Duplicate = true
		return p
	}
	if p, full := v.reserve(d, p); full {
		return p
	}
	g.add(n, u, a, v.since(at))
	d.held++
	m.lastUse = now
	d.note(ms-now, now)
	v.count(d, a, ms, u.session)
	return p
}

// narrow is the smaller of the verifier's window and the scheme's, in milliseconds.
func narrow(most int64, d time.Duration) int64 {
	if d <= 0 {
		return most
	}
	return min(most, d.Milliseconds())
}

// reserve takes one place in the replay memory, or says that there is none.
func (v *Verifier) reserve(d *device, p haechi.Proof) (haechi.Proof, bool) {
	if int(d.held) >= v.cfg.Share {
		v.counts.shareFull.Add(1)
		p.Observed, p.Threshold = float64(d.held), float64(v.cfg.Share)
		return v.fail(p, haechi.ReasonNonceFull), true
	}
	if held := v.held.Add(1); held > int64(v.cfg.Capacity) {
		v.held.Add(-1)
		v.counts.full.Add(1)
		p.Observed, p.Threshold = float64(held-1), float64(v.cfg.Capacity)
		return v.fail(p, haechi.ReasonNonceFull), true
	}
	return p, false
}

// stale completes a refusal for the clock: observed and accepted skew in seconds.
func (v *Verifier) stale(p haechi.Proof, window int64) haechi.Proof {
	p.Observed, p.Threshold = math.Abs(p.Skew.Seconds()), float64(window)/1000
	return v.fail(p, haechi.ReasonTimestamp)
}

func (v *Verifier) refuse(why haechi.Reason) haechi.Proof {
	return v.fail(haechi.Proof{}, why)
}

func (v *Verifier) fail(p haechi.Proof, why haechi.Reason) haechi.Proof {
	p.Reason = why
	v.counts.failed(why)
	return p
}

// shard is where a device's state is, and under which name.
func (v *Verifier) shard(device string) (*shard, uint64) {
	name := maphash.String(v.seed, device)
	return &v.shards[name%shards], name
}

// device returns the state of a device that has keys, made on its first claim. The
// lock is held.
func (s *shard) device(name uint64) *device {
	d := s.devices[name]
	if d == nil {
		if s.devices == nil {
			s.devices = make(map[uint64]*device)
		}
		d = s.wake(name)
		s.devices[name] = d
	}
	return d
}

// since is the time since the verifier was first asked, by the monotonic clock.
func (v *Verifier) since(now time.Time) time.Duration {
	if v.epoch.Load() == nil {
		first := now
		v.epoch.CompareAndSwap(nil, &first)
	}
	return now.Sub(*v.epoch.Load())
}
