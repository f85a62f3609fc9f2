package decide

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"haechi"
)

// Operator opens a decision that a person asks for, or replaces the one that a
// person made about the same scope and service before (which keeps its ID and
// start). Of d it takes Scope, Service, Action, Mode (default Enforce), Reason, By
// and Until; a zero Until has no end. The allow list and protected scopes are
// refused with kind Denied, a mistake with Invalid, a full table with Exhausted;
// each error's Hint names the next step.
//
// The caller makes the result durable and applies it. If it cannot be made
// durable, [Decider.Lift] or [Decider.Load] of the earlier one takes it back.
func (d *Decider) Operator(dec haechi.Decision, now time.Time) (haechi.Decision, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	scope, err := d.checkOperator(&dec, now)
	if err != nil {
		return haechi.Decision{}, err
	}
	mode := dec.Mode
	if mode == haechi.ModeUnset {
		mode = haechi.Enforce
	}
	made := &entry{Decision: haechi.Decision{
		Scope: scope, Service: dec.Service, Action: dec.Action, Mode: mode, Reason: dec.Reason,
		Origin: haechi.OriginOperator, By: dec.By, From: now, Until: dec.Until,
	}}
	switch old := d.book.find(slotOf(&made.Decision), now); {
	case old != nil:
		made.ID, made.From = old.ID, old.From
	case !d.book.room(now):
		return haechi.Decision{}, refuse(haechi.Exhausted, "too many decisions are open",
			"lift some, or ask for a prefix instead of many addresses")
	default:
		made.ID = d.book.newID("operator", scope, now)
	}
	d.book.add(made)
	return made.copy(), nil
}

// Check says whether [Decider.Operator] would take the decision, without deciding.
func (d *Decider) Check(dec haechi.Decision, now time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, err := d.checkOperator(&dec, now)
	return err
}

func refuse(kind haechi.ErrorKind, msg, hint string) error {
	return &haechi.Error{Kind: kind, Op: "decide", Msg: msg, Hint: hint}
}

func (d *Decider) checkOperator(dec *haechi.Decision, now time.Time) (haechi.Scope, error) {
	scope, ok := canonical(dec.Scope, d.cfg.V6Bits)
	if !ok {
		return scope, refuse(haechi.Invalid, fmt.Sprintf("%q cannot be decided about", dec.Scope),
			"name an address, prefix, device, cert, user or fingerprint, for example ip:203.0.113.7")
	}
	if tooBroad(scope, operatorMinV4, operatorMinV6) {
		return scope, refuse(haechi.Invalid, scope.Prefix.String()+" is too broad",
			fmt.Sprintf("name at most a /%d of IPv4 or a /%d of IPv6, or use a service's access list", operatorMinV4, operatorMinV6))
	}
	if hint := malformed(scope); hint != "" {
		return scope, refuse(haechi.Invalid, fmt.Sprintf("%q names no %s", scope.Value, scope.Kind), hint)
	}
	if err := d.checkAction(dec, scope, now); err != nil {
		return scope, err
	}
	if d.allowed(scope) {
		return scope, refuse(haechi.Denied, scope.String()+" is on the allow list", "take it off the allow list in the configuration first, then reload")
	}
	if why, yes := d.deps.Protected(scope); yes {
		return scope, refuse(haechi.Denied, scope.String()+" is protected: "+why, "act on the device, certificate or user instead, or name a narrower scope")
	}
	return scope, nil
}

// malformed says what to write when an identity is spelled as none ever is.
func malformed(s haechi.Scope) (hint string) {
	switch s.Kind {
	case haechi.ScopeDevice:
		if _, _, ok := haechi.SplitDeviceKey(s.Value); !ok {
			return "write the device key, bot/id, as haechi devices lists it"
		}
	case haechi.ScopeASN:
		if _, err := strconv.ParseUint(s.Value, 10, 32); err != nil {
			return "write the number alone, for example asn:64500"
		}
	case haechi.ScopeCountry:
		if len(s.Value) != 2 || s.Value != strings.ToUpper(s.Value) {
			return "write the two letters of ISO 3166-1, for example country:KR"
		}
	}
	return ""
}

// longest is how far an end may be away: times are kept as nanoseconds, which do not
// reach beyond 2262.
const longest = 100 * 365 * 24 * time.Hour

func (d *Decider) checkAction(dec *haechi.Decision, scope haechi.Scope, now time.Time) error {
	switch {
	case !decidable(dec.Action):
		return refuse(haechi.Invalid, fmt.Sprintf("%q is no decision", dec.Action), "use watch, throttle, deny or drop")
	case dec.Action == haechi.Challenge && !d.cfg.Challenge:
		return refuse(haechi.Invalid, "nothing here can pose a challenge", "use throttle or deny")
	case strongestFor(scope, dec.Action) != dec.Action:
		return refuse(haechi.Invalid, "the kernel cannot drop a "+scope.Kind.String(), "use deny")
	case dec.Mode == haechi.Off || dec.Mode > haechi.Enforce:
		return refuse(haechi.Invalid, "a decision is shadow or enforce", "leave the mode out, or lift the decision")
	case !dec.Until.IsZero() && !dec.Until.After(now):
		return refuse(haechi.Invalid, "the end is not in the future", "give a time to come, or none for a decision without end")
	case dec.Until.Sub(now) > longest:
		return refuse(haechi.Invalid, "the end is more than a hundred years from now", "give none for a decision without end")
	}
	return nil
}

// Lift takes an open decision back, by whoever made it, and returns it as lifted.
// The scope's score is forgiven, and the decision does not count as a repetition:
// otherwise the very next finding would bring it back. An unknown or ended one is
// an error of kind NotFound.
func (d *Decider) Lift(id haechi.Reference, by, reason string, now time.Time) (haechi.Decision, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	dec := d.book.byID[id]
	if dec == nil || !dec.Open(now) {
		return haechi.Decision{}, &haechi.Error{Kind: haechi.NotFound, Op: "lift decision",
			Msg: fmt.Sprintf("%q is not open", string(id)), Hint: "haechi decisions lists those that are"}
	}
	d.lift(dec, by, reason, now)
	if st := d.standings.find(dec.Scope, now, d.cfg.HalfLife); st != nil && dec.Origin == haechi.OriginRule {
		tr := st.track(dec.Mode)
		tr.score, tr.count = 0, max(0, tr.count-1)
	}
	return dec.copy(), nil
}

func (d *Decider) lift(dec *entry, by, reason string, now time.Time) {
	d.book.drop(dec)
	dec.LiftedAt, dec.LiftedBy, dec.LiftReason = now, by, reason
}

// Get returns an open decision.
func (d *Decider) Get(id haechi.Reference, now time.Time) (haechi.Decision, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	dec := d.book.byID[id]
	if dec == nil || !dec.Open(now) {
		return haechi.Decision{}, false
	}
	return dec.copy(), true
}
