package clientcert

import (
	"crypto/x509"
	"time"

	"haechi"
)

// held is a connection that a certificate let in.
type held struct {
	shown []*x509.Certificate
	cut   func(haechi.Verdict)
}

// Hold judges as [Clients.Judge] does, and remembers the connection: cut is called once
// its certificate is refused by what counts then, or is over, at most once and from
// another goroutine, and must not block. release forgets it, and is never nil.
func (c *Clients) Hold(shown []*x509.Certificate, now time.Time, cut func(haechi.Verdict)) (name string, v haechi.Verdict, release func()) {
	release = func() {}
	if len(shown) == 0 {
		name, v = c.Judge(shown, now)
		return name, v, release
	}
	h := &held{shown: shown, cut: cut}
	c.mu.Lock() // before it is judged: a list that comes meanwhile finds it
	c.held[h] = struct{}{}
	c.mu.Unlock()
	release = func() { c.forget(h) }
	if name, v = c.Judge(shown, now); v.Action != haechi.Pass {
		release()
		return name, v, func() {}
	}
	c.passed.Add(1)
	return name, v, release
}

// Held is how many connections are remembered.
func (c *Clients) Held() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.held)
}

// forget reports whether the connection was still remembered.
func (c *Clients) forget(h *held) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, ok := c.held[h]
	delete(c.held, h)
	return ok
}

// endHeld ends the connections whose certificates are over and, where what counts has
// changed, those that are refused by it. One whose only fault is that a list is over
// stays: it was let in by one that was not, and nobody comes in beside it.
func (c *Clients) endHeld(t *trust, changed bool, now time.Time) {
	c.mu.Lock()
	all := make([]*held, 0, len(c.held))
	for h := range c.held {
		if changed || now.After(h.shown[0].NotAfter) {
			all = append(all, h)
		}
	}
	c.mu.Unlock()
	for _, h := range all {
		name, reason := t.judge(h.shown, now)
		if reason == "" || reason == haechi.ReasonClientCertUnchecked || !c.forget(h) {
			continue
		}
		c.cut.Add(1)
		v := refusal(reason)
		v.Ref = haechi.NewReference(v.Rule, haechi.Scope{Kind: haechi.ScopeCertificate, Value: name}.String(), now)
		h.cut(v)
	}
}
