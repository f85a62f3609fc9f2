package control

import (
	"context"
	"slices"
	"time"

	"haechi"
)

// Overview counts for the console's first page.
func (c *Control) Overview(ctx context.Context) (haechi.Overview, error) {
	now := c.d.Now()
	o, err := c.d.Past.Overview(ctx, now, c.d.Zone)
	if err != nil {
		return o, err
	}
	in, err := c.d.Enforcer.InForce(ctx)
	if err != nil {
		return o, err
	}
	o.Decisions = 0 // the records' count; what is shown is what is enforced
	for i := range in {
		if in[i].Applies(now) {
			o.Decisions++
		}
	}
	o.Sessions = uint64(c.d.Program.Live())
	o.Pending = uint64(len(c.d.Registry.List(haechi.DeviceFilter{Statuses: []haechi.DeviceStatus{haechi.Pending}})))
	o.ActiveBots = c.activeBots(now)
	at := c.d.Stages.Status(now)
	o.Stage, o.Shown = at.Stage, at.Mode != haechi.Enforce
	return o, nil
}

// activeWindow is row A30's: a bot is active when it answered a ping within it.
const activeWindow = 5 * time.Minute

func (c *Control) activeBots(now time.Time) (n uint64) {
	for _, d := range c.d.Registry.List(haechi.DeviceFilter{Statuses: []haechi.DeviceStatus{haechi.Approved}}) {
		if now.Sub(d.LastPing) <= activeWindow {
			n++
		}
	}
	return n
}

// Events lists recorded events, newest first.
func (c *Control) Events(ctx context.Context, f haechi.EventFilter) ([]haechi.Event, error) {
	return c.d.Past.Events(ctx, &f)
}

// Follow streams events as they happen until ctx ends. A follower that lags loses
// the oldest. Errors are of kind Exhausted when too many follow.
func (c *Control) Follow(ctx context.Context, f haechi.EventFilter) (<-chan haechi.Event, error) {
	in, ok := c.feed.Subscribe(ctx, followerBuffer)
	if !ok {
		return nil, &haechi.Error{Kind: haechi.Exhausted, Op: "follow events", Msg: "too many follow already",
			Hint: "close another live view"}
	}
	out := make(chan haechi.Event, 1)
	go func() {
		defer close(out)
		for e := range in {
			if !f.Matches(&e) {
				continue
			}
			select {
			case out <- e:
			case <-ctx.Done():
			}
		}
	}()
	return out, nil
}

// Findings lists the newest findings.
func (c *Control) Findings(ctx context.Context, limit int) ([]haechi.Finding, error) {
	return c.d.Program.Findings(ctx, haechi.Scope{}, "", limit)
}

// Incidents lists the newest incidents.
func (c *Control) Incidents(ctx context.Context, limit int) ([]haechi.Incident, error) {
	return c.d.Past.Incidents(ctx, false, limit)
}

// Rules lists the loaded rules with what they did since the start.
func (c *Control) Rules(context.Context) ([]haechi.RuleInfo, error) { return c.d.Program.Rules(), nil }

// Status says how the program is.
func (c *Control) Status(ctx context.Context) (haechi.Status, error) {
	return c.d.Program.Status(ctx), nil
}

// Reports lists the names of the reports.
func (c *Control) Reports(context.Context) []string { return c.d.Program.Reports() }

// Report runs a report. Errors are of kind NotFound for an unknown name.
func (c *Control) Report(ctx context.Context, name string) (haechi.Table, error) {
	return c.d.Past.Report(ctx, name, c.d.Now())
}

// replayLimit bounds how many recorded events one replay takes.
const replayLimit = 10000

// Replay shows what the present rules would have done with the events recorded
// since then, oldest first; nothing is changed.
func (c *Control) Replay(ctx context.Context, since time.Time) (haechi.Replay, error) {
	events, err := c.d.Past.Events(ctx, &haechi.EventFilter{Since: since, Limit: replayLimit})
	if err != nil {
		return haechi.Replay{}, err
	}
	slices.Reverse(events)
	r := haechi.Replay{Since: since, Events: len(events)}
	r.Findings, r.Decisions = c.d.Program.Replay(func(yield func(*haechi.Event) bool) {
		for i := range events {
			if !yield(&events[i]) {
				return
			}
		}
	})
	found, cut, err := c.withHits(ctx, since)
	if err != nil {
		return haechi.Replay{}, err
	}
	r.WAF = preview(found, nil, c.d.Except.Exceptions(), c.d.Now())
	r.WAF.Since, r.WAF.Cut = since, cut
	return r, nil
}

// Reload builds the world anew from the file, or keeps the old one and says why.
func (c *Control) Reload(ctx context.Context, op haechi.Operator) error {
	return c.audited(ctx, op, haechi.AuditEntry{Action: ActionReload}, func(ctx context.Context) error { return c.d.Program.Reload(ctx) })
}

// Backup writes a consistent copy of the records to a path that must not exist.
func (c *Control) Backup(ctx context.Context, op haechi.Operator, path string) error {
	return c.audited(ctx, op, haechi.AuditEntry{Action: ActionBackup, Subject: path}, func(ctx context.Context) error { return c.d.Program.Backup(ctx, path) })
}

// auditLimit is how many audit entries are listed when nobody says how many.
const auditLimit = 1000

// LoginLink makes a one-time link by which an account of the console is made, or its
// password set anew. Only who is on the machine itself gets one.
func (c *Control) LoginLink(ctx context.Context, op haechi.Operator) (link string, err error) {
	if op.Via != "cli" {
		return "", &haechi.Error{Kind: haechi.Denied, Op: "make a login link", Msg: "it is given on the gateway's own machine only",
			Hint: "run haechi login-link there"}
	}
	err = c.audited(ctx, op, haechi.AuditEntry{Action: ActionLoginLink}, func(context.Context) error {
		if link = c.d.Program.LoginLink(); link == "" {
			return &haechi.Error{Kind: haechi.Conflict, Op: "make a login link", Msg: "the console is switched off", Hint: "set console.listen and restart"}
		}
		return nil
	})
	return link, err
}

// Audit lists the newest entries of the chain, newest first; a limit of 0 means
// 1,000.
func (c *Control) Audit(ctx context.Context, limit int) ([]haechi.AuditEntry, error) {
	if limit <= 0 {
		limit = auditLimit
	}
	head, err := c.auditHead(ctx)
	if err != nil {
		return nil, err
	}
	newest, err := c.d.Chain.AuditEntries(ctx, head-min(head, uint64(limit))+1, limit)
	slices.Reverse(newest)
	return newest, err
}

// auditHead is the number of the newest entry, 0 if there is none. It asks for
// single entries, twice as far away each time and then in between, so that a long
// chain is not read whole.
func (c *Control) auditHead(ctx context.Context) (uint64, error) {
	head, beyond := uint64(0), uint64(0)
	for step := uint64(1); beyond == 0 || head+1 < beyond; {
		probe := head + step
		if beyond > 0 {
			probe = head + (beyond-head)/2
		}
		found, err := c.d.Chain.AuditEntries(ctx, probe, 1)
		switch {
		case err != nil:
			return 0, err
		case len(found) == 0:
			beyond = probe
		default:
			head, step = max(probe, found[0].Seq), 2*step
		}
	}
	return head, nil
}

// VerifyAudit checks the whole chain and returns how many entries it has.
func (c *Control) VerifyAudit(ctx context.Context) (uint64, error) { return c.d.Program.Verify(ctx) }
