package rules

import (
	"hash/maphash"
	"slices"
	"time"

	"haechi"
	"haechi/internal/brick/window"
)

// subject is the kind of scope by which the rule groups the event, or none if the
// event may not be counted: a device only once it is authenticated, a client only
// if no authenticated device is to blame and its address is proved.
func (s *state) subject(e *haechi.Event) haechi.ScopeKind {
	device := e.Assurance == haechi.Authenticated && e.Device != ""
	client := !device && e.Client.IsValid() && (e.Assurance >= haechi.Handshaken || s.spoofable)
	switch s.group {
	case byAll:
		return haechi.ScopeService
	case byService:
		if e.Service != "" {
			return haechi.ScopeService
		}
	case byDevice, byActor:
		if device {
			return haechi.ScopeDevice
		}
		if s.group == byActor && client {
			return haechi.ScopeAddress
		}
	case byClient:
		if client {
			return haechi.ScopeAddress
		}
	}
	return haechi.ScopeNone
}

// key is the group's key. Its seed is random, so that nobody can bring two groups
// into one from outside; a device can neither be named so as to meet an address.
func (s *state) key(seed maphash.Seed, kind haechi.ScopeKind, e *haechi.Event) uint64 {
	switch {
	case s.group == byAll:
		return 0
	case kind == haechi.ScopeDevice:
		return maphash.String(seed, e.Device) ^ 1
	case kind == haechi.ScopeAddress:
		a := e.Client.Addr().As16()
		return maphash.Bytes(seed, a[:])
	}
	return maphash.String(seed, e.Service)
}

func (s *state) scope(kind haechi.ScopeKind, e *haechi.Event) haechi.Scope {
	switch {
	case s.group == byAll:
		return haechi.Scope{Kind: kind, Value: "*"}
	case kind == haechi.ScopeDevice:
		return haechi.Scope{Kind: kind, Value: e.Device}
	case kind == haechi.ScopeAddress:
		return haechi.Scope{Kind: kind, Prefix: e.Client}
	}
	return haechi.Scope{Kind: kind, Value: e.Service}
}

func (s *state) finding(key uint64, kind haechi.ScopeKind, e *haechi.Event, r window.Reading) haechi.Finding {
	about := s.scope(kind, e)
	return haechi.Finding{
		Time: e.Time, Rule: s.id, Version: s.version, Pattern: s.pattern, Service: e.Service,
		About: about, Actor: e.Actor, Severity: s.severity, Technique: s.technique,
		Observed: r.Value, Threshold: s.threshold, Window: s.window,
		First: time.Unix(0, r.First).UTC(), Last: e.Time, Evidence: s.evidence(key),
		Spoofable: s.spoofable, Mode: s.mode, Score: s.score, Want: s.action, For: s.duration,
		Ref: haechi.NewReference(s.id, about.String(), e.Time),
	}
}

// evidence is the last few events of the group, newest last.
func (s *state) evidence(key uint64) []haechi.Event {
	out := make([]haechi.Event, 0, evidence)
	for back := 1; back <= kept && len(out) < evidence; back++ {
		if x := &s.recent[(s.next-back+kept)%kept]; x.key == key && x.event.Kind != 0 {
			out = append(out, x.event)
		}
	}
	slices.Reverse(out)
	return out
}
