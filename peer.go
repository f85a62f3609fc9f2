package haechi

import "time"

// Import is what became, or with DryRun would become, of decisions that another program
// handed over.
type Import struct {
	DryRun bool `json:"dry_run,omitempty"`
	// Added are new, Changed replace or extend what the same or another peer had decided
	// about the scope, Same are covered by that already, Refused were not taken.
	Added   int `json:"added"`
	Changed int `json:"changed"`
	Same    int `json:"same"`
	Refused int `json:"refused"`
	// Refusals are the first of the refused, at most [MaxRefusals].
	Refusals []ImportRefusal `json:"refusals,omitempty"`
}

// MaxRefusals bounds the refusals that an import tells one by one.
const MaxRefusals = 100

// ImportRefusal is a decision that was not taken, and why.
type ImportRefusal struct {
	Scope Scope  `json:"scope"`
	Why   string `json:"why"`
}

// Refuse counts a refusal.
func (i *Import) Refuse(s Scope, why string) {
	i.Refused++
	if len(i.Refusals) < MaxRefusals {
		i.Refusals = append(i.Refusals, ImportRefusal{s, why})
	}
}

// PeerStatus is another program that hands over decisions.
type PeerStatus struct {
	Name string    `json:"name"` // for example fail2ban/sshd
	Last time.Time `json:"last"` // when a decision of it was last taken
	Open int       `json:"open"` // how many of its decisions are open
}
