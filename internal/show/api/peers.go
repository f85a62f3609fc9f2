package api

import (
	"context"
	"net/http"
	"regexp"
	"time"

	"haechi"
)

// The bounds of an import: entries, and bytes of the body.
const (
	MaxImport     = 50_000
	maxImportBody = 8 << 20
)

// Importer takes over decisions of other programs, and takes them back.
type Importer interface {
	ImportDecisions(ctx context.Context, op haechi.Operator, ds []haechi.Decision, dry bool) (haechi.Import, error)
	WithdrawDecisions(ctx context.Context, op haechi.Operator, about haechi.Scope, peer, reason string) ([]haechi.Decision, error)
}

// ImportRequest hands over decisions of another program, all of one action and reason.
type ImportRequest struct {
	Action  haechi.Action `json:"action"`
	Reason  string        `json:"reason"`
	DryRun  bool          `json:"dry_run,omitempty"`
	Entries []ImportEntry `json:"entries"` // at most [MaxImport]
}

// ImportEntry is one of them.
type ImportEntry struct {
	Scope haechi.Scope `json:"scope"`
	Peer  string       `json:"peer"`          // which program, and what in it: fail2ban/sshd
	For   string       `json:"for,omitempty"` // a duration such as "1h"; empty: no end
}

// WithdrawRequest takes back what a peer handed over: about a scope, or all of it.
type WithdrawRequest struct {
	Peer   string       `json:"peer"`
	Scope  haechi.Scope `json:"scope,omitzero"`
	All    bool         `json:"all,omitempty"` // required without a scope
	Reason string       `json:"reason"`
}

// PeerName reports whether the text can be the name of a peer.
func PeerName(text string) bool {
	return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@/-]{0,63}$`).MatchString(text)
}

func needPeer(text string) error {
	if !PeerName(text) {
		return invalid("that is no name of a peer", "at most 64 letters, digits and . _ @ - /, for example fail2ban/sshd")
	}
	return nil
}

func (h *handler) importDecisions(r *http.Request, op haechi.Operator) (any, error) {
	q, err := readUpTo[ImportRequest](r, maxImportBody)
	if err != nil {
		return nil, err
	}
	if err := needReason(q.Reason); err != nil {
		return nil, err
	}
	ds, err := q.decisions(op, h.Now())
	if err != nil {
		return nil, err
	}
	return value(h.Importer.ImportDecisions(r.Context(), op, ds, q.DryRun))
}

// decisions are those that the request hands over, each checked for its form.
func (q *ImportRequest) decisions(op haechi.Operator, now time.Time) ([]haechi.Decision, error) {
	if len(q.Entries) == 0 || len(q.Entries) > MaxImport {
		return nil, invalid("an import has 1 to 50,000 entries", "split it")
	}
	ds := make([]haechi.Decision, 0, len(q.Entries))
	checked := "" // most imports are of one peer
	for i := range q.Entries {
		e := &q.Entries[i]
		if e.Peer != checked {
			if err := needPeer(e.Peer); err != nil {
				return nil, err
			}
			checked = e.Peer
		}
		one := DecisionRequest{Scope: e.Scope, Action: q.Action, Reason: q.Reason, For: e.For}
		d, err := one.decision(op, now)
		if err != nil {
			return nil, err
		}
		d.Origin, d.By, d.Rule = haechi.OriginPeer, "", e.Peer
		ds = append(ds, d)
	}
	return ds, nil
}

func (h *handler) withdrawDecisions(r *http.Request, op haechi.Operator) (any, error) {
	q, err := read[WithdrawRequest](r)
	if err != nil {
		return nil, err
	}
	if err := needPeer(q.Peer); err != nil {
		return nil, err
	}
	if err := needReason(q.Reason); err != nil {
		return nil, err
	}
	if (q.Scope.Kind == haechi.ScopeNone) != q.All {
		return nil, invalid("a scope or all is wanted, and not both", `add "scope", or "all": true`)
	}
	return value(h.Importer.WithdrawDecisions(r.Context(), op, q.Scope, q.Peer, q.Reason))
}

// ImportDecisions hands over decisions of another program.
func (c *Client) ImportDecisions(ctx context.Context, q ImportRequest) (haechi.Import, error) {
	return post[haechi.Import](ctx, c, "decisions/import", q)
}

// WithdrawDecisions takes back what a peer handed over, and returns it, lifted.
func (c *Client) WithdrawDecisions(ctx context.Context, q WithdrawRequest) ([]haechi.Decision, error) {
	return post[[]haechi.Decision](ctx, c, "decisions/withdraw", q)
}
