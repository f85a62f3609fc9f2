package rules

import (
	"haechi"
)

// A field is one name after "event." in an expression. Exactly one of its readers
// is set.
type field struct {
	name string
	text func(*haechi.Event) *string // a text of the event, which may be told apart or be counted by its changes
	word func(*haechi.Event) string  // a word made from the event
	num  func(*haechi.Event) int64
	size func(*haechi.Event) *int64 // an amount that may be summed
	flag func(*haechi.Event) bool
	roll bool // also in roll-ups
}

// fields are the names an expression can use.
func fields() []field {
	type E = *haechi.Event
	return []field{
		{name: "kind", word: func(e E) string { return e.Kind.String() }, roll: true},
		{name: "outcome", word: func(e E) string { return e.Outcome.String() }, roll: true},
		{name: "reason", word: func(e E) string { return string(e.Reason) }, roll: true},
		{name: "service", text: func(e E) *string { return &e.Service }, roll: true},
		{name: "provoked", flag: func(e E) bool { return e.Provoked }, roll: true},
		{name: "shadow", flag: func(e E) bool { return e.Shadow }, roll: true},
		{name: "assurance", word: func(e E) string { return e.Assurance.String() }},
		{name: "verdict", word: func(e E) string { return e.Verdict.String() }},
		{name: "client", word: func(e E) string { return clientText(e) }},
		{name: "device", text: func(e E) *string { return &e.Device }},
		{name: "certificate", text: func(e E) *string { return &e.Certificate }},
		{name: "user", text: func(e E) *string { return &e.User }},
		{name: "fingerprint", text: func(e E) *string { return &e.Fingerprint }},
		{name: "country", text: func(e E) *string { return &e.Country }},
		{name: "asn", num: func(e E) int64 { return int64(e.ASN) }},
		{name: "local_port", num: func(e E) int64 { return int64(e.LocalPort) }},
		{name: "rule", text: func(e E) *string { return &e.Rule }},
		{name: "frame", text: func(e E) *string { return &e.Frame }},
		{name: "room", text: func(e E) *string { return &e.Room }},
		{name: "method", text: func(e E) *string { return &e.Method }},
		{name: "host", text: func(e E) *string { return &e.Host }},
		{name: "path", text: func(e E) *string { return &e.Path }},
		{name: "status", num: func(e E) int64 { return int64(e.Status) }},
		{name: "class", text: func(e E) *string { return &e.Class }},
		{name: "user_agent", text: func(e E) *string { return &e.UserAgent }},
		{name: "name", text: func(e E) *string { return &e.Name }},
		{name: "type", text: func(e E) *string { return &e.Type }},
		{name: "protocol", text: func(e E) *string { return &e.Protocol }},
		{name: "bytes_in", size: func(e E) *int64 { return &e.BytesIn }},
		{name: "bytes_out", size: func(e E) *int64 { return &e.BytesOut }},
	}
}

func clientText(e *haechi.Event) string {
	switch {
	case !e.Client.IsValid():
		return ""
	case e.Client.IsSingleIP():
		return e.Client.Addr().String()
	}
	return e.Client.String()
}

// findField looks a field up by name.
func findField(name string) (field, bool) {
	for _, f := range fields() {
		if f.name == name {
			return f, true
		}
	}
	return field{}, false
}
