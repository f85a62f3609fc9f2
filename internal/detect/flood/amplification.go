package flood

import (
	"net/netip"
	"time"

	"haechi"
	"haechi/internal/detect"
)

// Amplification finds answers that nobody asked for.
type Amplification struct {
	in, out *engine
	site    detect.Site
	factor  float64
}

// NewAmplification returns a detector of amplification.
func NewAmplification(rule detect.Rule, site detect.Site, cfg AmplificationConfig) *Amplification {
	d := &Amplification{site: site, factor: cfg.Factor}
	few := func(_ *victim, l amount, _ float64) bool { return l.packets <= uint64(cfg.Answers) }
	d.in = newEngine(rule, "answers", cfg.Window, 0, few, func(v *victim, sum cell, _, _ uint64) (verdict, bool) {
		n := float64(v.from())
		r := verdict{observed: n, threshold: float64(cfg.Sources), facts: [2]haechi.Fact{{Name: "port", Value: float64(v.port)},
			{Name: "volume", Value: float64(sum.bytes) / cfg.Window.Seconds(), Unit: "bytes"}}}
		// What was asked for in somebody's name has one port of his, so that each of those who
		// answer is one flow, however often it answers: packets count.
		return r, sum.packets > uint64(cfg.Answers) && 2*sum.done <= sum.begun
	})
	little := func(_ *victim, l amount, _ float64) bool {
		return float64(l.bytes)/cfg.Window.Seconds() <= float64(cfg.Bytes)
	}
	d.out = newEngine(rule, "ours", cfg.Window, 0, little, func(v *victim, sum cell, _, _ uint64) (verdict, bool) {
		volume := float64(sum.bytes) / cfg.Window.Seconds()
		return verdict{observed: volume, threshold: float64(cfg.Bytes), facts: [2]haechi.Fact{{Name: "port", Value: float64(v.port)},
			{Name: "volume", Value: volume, Unit: "bytes"}}}, true
	})
	return d
}

// Refused counts what found no room.
func (d *Amplification) Refused() uint64 { return d.in.Refused() + d.out.Refused() }

// Observe implements the pipeline's detector.
func (d *Amplification) Observe(e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	if e.Kind != haechi.KindFlow || !e.Target.IsValid() || e.Target.IsMulticast() {
		return out
	}
	if unasked(e) {
		if discovery(e.Port) && d.site.Internal(e.Addr) && d.site.Internal(e.Target) {
			return out // they answer a question to a group
		}
		s := see(e)
		if s.port = e.Port; s.first {
			return d.in.begin(&s, e, out)
		}
		return d.in.goOn(&s, carriesOn(e), false, e, out)
	}
	if e.Transport == haechi.UDP && amplifies(e.LocalPort) && d.site.Internal(e.Target) && !d.site.Internal(e.Addr) {
		return d.ours(e, out)
	}
	return out
}

// unasked reports answers without a question: SYN-ACKs, and datagrams of a service.
func unasked(e *haechi.Event) bool {
	if e.State != haechi.FlowAnswerOnly && e.State != haechi.FlowMidstream {
		return false
	}
	switch e.Transport {
	case haechi.TCP:
		return e.First&(syn|ack) == syn|ack
	case haechi.UDP:
		return amplifies(e.Port)
	}
	return false
}

// carriesOn reports a conversation of which this side of the wire is not seen: data
// follows the answer, or the target sends more than a refusal.
func carriesOn(e *haechi.Event) bool {
	if e.Transport == haechi.TCP {
		return e.FlagsIn&psh != 0 || e.FlagsOut&^(rst|ack) != 0 || e.FlagsOut != 0 && e.FlagsOut&rst == 0
	}
	return e.PacketsOut > 0
}

// ours notes what a server of ours answers to outside: the one who seems to ask is the
// victim.
func (d *Amplification) ours(e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	if e.Phase == haechi.FlowBegin || float64(e.BytesOut) < d.factor*float64(e.BytesIn) {
		return out
	}
	s := see(e)
	s.from, s.addr, s.to = netip.PrefixFrom(e.Target, e.Target.BitLen()), e.Target, e.Addr
	s.total = delta{packets: e.PacketsOut, bytes: uint64(max(e.BytesOut, 0))}
	return d.out.goOn(&s, false, false, e, out)
}

// Tick implements the pipeline's detector.
func (d *Amplification) Tick(now time.Time, out []haechi.Finding) []haechi.Finding {
	return d.out.Tick(now, d.in.Tick(now, out))
}

// discovery reports the services that are asked by a question to a group or broadcast.
func discovery(port uint16) bool {
	return port == 137 || port == 1900 || port == 3702 || port == 5353 || port == 5355
}

// amplifies lists the UDP services in use for amplification (US-CERT TA14-017A and what
// was found since): they answer with more than they are asked, without a handshake.
func amplifies(port uint16) bool {
	switch port {
	case 7, 13, 17, 19, 53, 69, 111, 123, 137, 161, 177, 389, 427, 500, 520, 623, 1194, 1434, 1604, 1701, 1900, 3283, 3389, 3478, 3702,
		5060, 5093, 5351, 5353, 5683, 6881, 10001, 10074, 11211, 17185, 20800, 27015, 27960, 30718, 32414, 33848, 37810:
		return true
	}
	return false
}
