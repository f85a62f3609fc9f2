package control

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"time"

	"haechi"
)

const (
	// personRules is how many different rules a client may trigger and still count as
	// somebody who uses the site: who tries attacks triggers many.
	personRules = 3
	// enoughClients is how many clients that look like people make a proposal; one
	// that proved who it is makes it alone.
	enoughClients = 3
	// maxProposals bounds the answer.
	maxProposals = 100
)

// sender is a client, with the certificate, user or device it proved to be.
type sender struct {
	client netip.Prefix
	name   string
}

func senderOf(e *haechi.Event) sender {
	s := sender{client: e.Client}
	if e.Assurance == haechi.Authenticated {
		s.name = cmp.Or(e.User, e.Certificate, e.Device)
	}
	return s
}

// ProposeExceptions lists exceptions for what the WAF would refuse, or refuses, of
// clients that proved who they are, and of several that behave like people: each
// triggers few rules. Most requests first; nothing is changed.
func (c *Control) ProposeExceptions(ctx context.Context, since time.Time) ([]haechi.ExceptionProposal, error) {
	found, _, err := c.withHits(ctx, since)
	if err != nil {
		return nil, err
	}
	// What a server behind answers is nobody's habit: whoever visits would ask for it.
	found = slices.DeleteFunc(found, func(e haechi.Event) bool { return e.Kind == haechi.KindAnswer })
	now := c.d.Now()
	standing := c.d.Except.Exceptions()
	noisy := noisySenders(found)
	at := map[haechi.Exception]*claim{}
	for i := range found {
		if s := senderOf(&found[i]); !noisy[s] {
			collect(at, &found[i], s, standing, now)
		}
	}
	return proposals(at), nil
}

// Held lists what is known of the parameters of a service, of all without one, the most used
// first; of a name, if there is one; so many at most.
func (c *Control) Held(_ context.Context, service, name string, limit int) ([]haechi.Held, error) {
	all := c.d.Usual.Held(service)
	if name != "" {
		all = slices.DeleteFunc(all, func(h haechi.Held) bool { return h.Name != name })
	}
	return all[:min(len(all), limit)], nil
}

// noisySenders are those that triggered more rules than a person does.
func noisySenders(found []haechi.Event) map[sender]bool {
	rules, noisy := map[sender]map[int]bool{}, map[sender]bool{}
	for i := range found {
		h, err := haechi.ParseHits(found[i].Hits)
		s := senderOf(&found[i])
		if err != nil || noisy[s] {
			continue
		}
		if rules[s] == nil {
			rules[s] = map[int]bool{}
		}
		for j := range h.List {
			rules[s][h.List[j].Rule] = true
		}
		noisy[s] = len(rules[s]) > personRules || h.Omitted > 0
	}
	return noisy
}

// claim is what asks for one exception.
type claim struct {
	requests uint64
	senders  map[sender]bool
	proved   bool
	ref      haechi.Reference
}

// collect notes the exceptions with which the recorded request would pass.
func collect(at map[haechi.Exception]*claim, e *haechi.Event, s sender, standing []haechi.Exception, now time.Time) {
	h, err := haechi.ParseHits(e.Hits)
	if err != nil || !haechi.PlainPath(e.Path) {
		return
	}
	h.Except(standing, e.Service, e.Path, now)
	for _, hit := range h.Minimal() {
		x := haechi.Exception{Service: e.Service, Rule: hit.Rule, Path: e.Path, Where: hit.Where}
		k := at[x]
		if k == nil {
			k = &claim{senders: map[sender]bool{}, ref: e.Ref} // the newest comes first
			at[x] = k
		}
		k.requests += e.N()
		k.senders[s] = true
		k.proved = k.proved || s.name != ""
	}
}

func proposals(at map[haechi.Exception]*claim) []haechi.ExceptionProposal {
	out := []haechi.ExceptionProposal{}
	for x, k := range at {
		if k.proved || len(k.senders) >= enoughClients {
			out = append(out, haechi.ExceptionProposal{Exception: x, Requests: k.requests, Clients: len(k.senders), Proved: k.proved, Ref: k.ref})
		}
	}
	slices.SortFunc(out, func(a, b haechi.ExceptionProposal) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Path, b.Path), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Where, b.Where))
	})
	return out[:min(len(out), maxProposals)]
}
