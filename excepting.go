package haechi

import (
	"net/netip"
	"time"
)

// MaxEffects bounds the effects that an [ExceptionPreview] shows one by one.
const MaxEffects = 50

// ExceptionPreview is what exceptions change in the recorded past. It is computed from
// the recorded hits, by the code that judges live requests.
type ExceptionPreview struct {
	Exceptions []Exception `json:"exceptions"`
	Since      time.Time   `json:"since"`
	// Examined counts recorded requests with hits. Cut says that there were more, and
	// that the newest were looked at.
	Examined int  `json:"examined"`
	Cut      bool `json:"cut,omitempty"`
	// Changed counts requests of which a hit is excepted that was not; Passed those
	// among them that were refused, or would have been, and would now pass. Clients
	// counts who sent those.
	Changed uint64 `json:"changed"`
	Passed  uint64 `json:"passed"`
	Clients int    `json:"clients"`
	// Refused counts those that passed by an exception that has ended since.
	Refused uint64 `json:"refused,omitempty"`
	// Effects are the newest that change, at most MaxEffects.
	Effects []ExceptionEffect `json:"effects"`
}

// ExceptionEffect is one recorded request that exceptions change.
type ExceptionEffect struct {
	Time    time.Time    `json:"@timestamp"`
	Service string       `json:"service.name"`
	Path    string       `json:"url.path"`
	Client  netip.Prefix `json:"haechi.client,omitzero"`
	Ref     Reference    `json:"event.reference,omitempty"`
	// Before and After are the scores that count.
	Before    int `json:"before"`
	After     int `json:"after"`
	Threshold int `json:"threshold"`
	// Passes says that it would pass now and did not, Refused the opposite; Count how
	// many requests it stands for.
	Passes  bool   `json:"passes,omitempty"`
	Refused bool   `json:"refused,omitempty"`
	Count   uint64 `json:"count"`
}

// ExceptionProposal is an exception that requests of people and of known clients ask for.
type ExceptionProposal struct {
	Exception
	// Requests counts those that it would have let pass, Clients who sent them.
	Requests uint64 `json:"requests"`
	Clients  int    `json:"clients"`
	// Proved says that one of the clients had proved who it is.
	Proved bool `json:"proved,omitempty"`
	// Ref is the newest of the requests.
	Ref Reference `json:"reference"`
}

// ExceptionOrder asks for the exceptions with which a recorded request would pass.
type ExceptionOrder struct {
	Ref    Reference
	Owner  string // who answers for it; empty: who asks
	Reason string
	Until  time.Time
}
