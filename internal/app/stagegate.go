package app

import (
	"net/netip"
	"sync/atomic"
	"time"

	"haechi"
	"haechi/internal/brick/gcra"
	"haechi/internal/config"
)

// The rules by which a stage refuses.
const (
	ruleTighten = "limit/attack-tighten"
	ruleKnown   = "limit/attack-known"
	ruleClosed  = "limit/attack-closed"
)

// stageGate judges new connections by the stage. Whoever gets as far has completed a
// handshake, so that no forged address is counted here.
type stageGate struct {
	known   *acquaintances
	good    func(netip.Prefix, time.Time) int // devices that proved themselves there
	device  func(service string) bool
	limit   *gcra.Table
	rate    config.Rate
	hash    gcra.Hasher
	now     atomic.Pointer[standing]
	refused atomic.Uint64
}

// standing is the stage that counts.
type standing struct {
	stage  haechi.Stage
	shadow bool
	began  time.Time // of the attack
}

// gateClients is for how many clients with connections under way there is room.
const gateClients = 1 << 16

func newStageGate(rate config.Rate, good func(netip.Prefix, time.Time) int, device func(string) bool) *stageGate {
	g := &stageGate{known: newAcquaintances(), good: good, device: device, rate: rate, hash: gcra.NewHasher(),
		limit: gcra.New(gcra.Config{Windows: []gcra.Rate{{Events: rate.Events, Per: rate.Per, Burst: rate.Burst}}, Capacity: gateClients})}
	g.now.Store(&standing{})
	return g
}

// Inspect implements ingress.Inspector. It stands last in the chain: who comes here was
// refused by nobody else.
func (g *stageGate) Inspect(r *haechi.Request, now time.Time) haechi.Verdict {
	if r.Kind != haechi.KindConnect || !r.Actor.Client.IsValid() {
		return haechi.Verdict{}
	}
	since, s := g.known.met(r.Actor.Client, now), g.now.Load()
	if s.stage < haechi.StageTighten || g.good(r.Actor.Client, now) > 0 {
		return haechi.Verdict{}
	}
	v := g.judge(r, s, since, now)
	if v.Refuses() {
		g.refused.Add(1)
	}
	return v
}

func (g *stageGate) judge(r *haechi.Request, s *standing, since, now time.Time) haechi.Verdict {
	out := haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonAttack, Shadow: s.shadow}
	switch {
	case s.stage >= haechi.StageClosed:
		out.Rule = ruleClosed
	case s.stage >= haechi.StageKnown && !since.Before(s.began) && !g.device(r.Service):
		out.Rule = ruleKnown // devices prove themselves, and nothing reaches the server before
	default:
		x := g.limit.Allow(g.hash.Prefix(r.Actor.Client), now.UnixNano(), 1)
		if x.OK {
			return haechi.Verdict{}
		}
		out.Rule, out.Delay, out.Observed, out.Threshold, out.Window = ruleTighten, x.RetryAfter, x.Used, float64(max(g.rate.Burst, g.rate.Events)), g.rate.Per
	}
	out.Ref = haechi.NewReference(out.Rule, r.Actor.Client.String(), now)
	return out
}

func (g *stageGate) stats() []haechi.Counter {
	n, full := g.known.count()
	return []haechi.Counter{{Name: "stage_refused", Value: g.refused.Load()}, {Name: "stage_known", Value: uint64(n)}, {Name: "stage_known_refused", Value: full}}
}
