package listener

import (
	"net/netip"

	"haechi"
)

// admission is what is known of one connection at accept.
type admission struct {
	actor       haechi.Actor
	port, local uint16
	transport   haechi.Transport // unset for TCP
	verdict     haechi.Verdict
}

// refuseFor refuses a connection before it was judged.
func (l *Listener) refuseFor(c *conn, peer netip.AddrPort, v haechi.Verdict) {
	l.refuse(c, &admission{actor: l.actor(peer.Addr()), port: peer.Port(), local: c.local, verdict: v})
}

// refuseStranger notes a PROXY header from outside the trusted networks; the
// reader of the connection closes it.
func (l *Listener) refuseStranger(c *conn) {
	l.counts.stranger.Add(1)
	in := &admission{actor: l.actor(c.peer.Addr()), port: c.peer.Port(), local: c.local}
	in.verdict = haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonProxyHeader, Rule: RuleProxyHeader}
	l.emit(in, haechi.Failure)
}

func (l *Listener) refuse(c *conn, in *admission) {
	closeQuietly(c)
	l.emit(in, haechi.Failure)
}

func (l *Listener) emit(in *admission, outcome haechi.Outcome) {
	if l.cfg.Sink == nil {
		return
	}
	now, v := l.cfg.Now(), &in.verdict
	if outcome == haechi.Failure && v.Ref == "" {
		scope := haechi.Scope{Kind: haechi.ScopeAddress, Prefix: in.actor.Client}
		v.Ref = haechi.NewReference(v.Rule, scope.String(), now)
	}
	l.cfg.Sink.Emit(&haechi.Event{
		Time: now.UTC(), Kind: haechi.KindConnect, Outcome: outcome, Service: l.cfg.Service, Actor: in.actor,
		Port: in.port, LocalPort: in.local, Flow: haechi.Flow{Transport: in.transport},
		Reason: v.Reason, Verdict: v.Action, Rule: v.Rule, Ref: v.Ref,
		Observed: v.Observed, Threshold: v.Threshold, Window: v.Window, Shadow: v.Shadow,
	})
}
