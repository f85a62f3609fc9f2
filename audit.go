package haechi

import "time"

// AuditEntry is one link of the audit chain: who changed what, when, and why.
// Hash covers all other fields and Prev, so nothing can be changed, removed or
// put in between without `haechi audit verify` saying where.
type AuditEntry struct {
	Seq     uint64    `json:"event.sequence"`
	Time    time.Time `json:"@timestamp"`
	By      string    `json:"user.name"`    // the operator, or "rule:ID", or "system"
	Via     string    `json:"haechi.via"`   // console, cli, file, rule, start
	Action  string    `json:"event.action"` // device.approve, decision.lift, config.reload, …
	Subject string    `json:"haechi.subject"`
	// Before and After are short texts of the state that changed; never a secret.
	Before string `json:"haechi.before,omitempty"`
	After  string `json:"haechi.after,omitempty"`
	Reason string `json:"event.reason,omitempty"`
	Prev   string `json:"haechi.prev"` // hex SHA-256 of the entry before, "" for the first
	Hash   string `json:"haechi.hash"` // hex SHA-256
}

// Undoable reports whether `haechi audit undo` can reverse what the entry says, as
// far as the entry alone tells.
func (e *AuditEntry) Undoable() bool {
	switch e.Action {
	case "device.status", "device.enrol", "device.bulk", "device.bulk.status", "device.pin",
		"code.add", "code.end", "decision.add", "decision.lift", "waf.except", "waf.end":
		return true
	}
	return false
}

// Operator is who asks for a change, and by which way.
type Operator struct {
	Name string
	Via  string
}
