package detect

import (
	"time"

	"haechi"
)

// Attack is what a detector remembers of one incident, so that it is told once, again
// when it grew to twice of what was told or became more severe, and once when it is
// over. The zero value is an attack that has not begun.
type Attack struct {
	open *haechi.Finding // as it was told last, without evidence; its Last is below
	told float64         // the magnitude that was told
	last time.Time       // of the newest evidence
	// severity is that of open: nearly every event of an attack asks for it alone.
	severity haechi.Severity
}

// Open reports whether the attack has begun and is not over.
func (a *Attack) Open() bool { return a.open != nil }

// Last is the time of the newest evidence, zero before the attack has begun.
func (a *Attack) Last() time.Time {
	if a.open == nil {
		return time.Time{}
	}
	return a.last
}

// Due reports whether a finding of this severity and magnitude would be told. It is for
// callers to whom a finding is dear to make.
func (a *Attack) Due(s haechi.Severity, magnitude float64) bool {
	return a.open == nil || s > a.severity || magnitude >= 2*a.told
}

// Tell appends the finding if it is due. Findings of one attack share the reference
// that is made of the rule, the actor with the class of what it attacks, and the start.
func (a *Attack) Tell(f haechi.Finding, class string, magnitude float64, out []haechi.Finding) []haechi.Finding {
	if !a.Due(f.Severity, magnitude) {
		a.Touch(f.Last)
		return out
	}
	if a.open == nil {
		a.open = &haechi.Finding{First: f.First, Incident: haechi.NewReference(f.Rule, f.Client.String()+" "+class, f.First)}
	}
	f.Incident, f.First, f.Severity = a.open.Incident, a.open.First, max(f.Severity, a.open.Severity)
	f.Ref = f.Incident
	*a.open, a.told, a.last, a.severity = f, magnitude, f.Last, f.Severity
	a.open.Evidence = nil
	return append(out, f)
}

// Note keeps what a finding says for the end of the attack, without telling it now.
func (a *Attack) Note(f haechi.Finding) {
	if a.open == nil {
		return
	}
	f.Incident, f.Ref, f.First, f.Severity, f.Evidence = a.open.Incident, a.open.Incident, a.open.First, max(f.Severity, a.open.Severity), nil
	*a.open, a.last, a.severity = f, f.Last, f.Severity
}

// Renew makes the next finding due, because the attack is of another kind now.
func (a *Attack) Renew() { a.told = 0 }

// Peak keeps the most that was observed and the time of the last evidence, for the end.
func (a *Attack) Peak(observed float64, last time.Time) {
	if a.open != nil {
		a.open.Observed = max(a.open.Observed, observed)
		a.Touch(last)
	}
}

// Touch notes that the attack goes on.
func (a *Attack) Touch(at time.Time) {
	if a.open != nil && at.After(a.last) {
		a.last = at
	}
}

// End appends the attack's last finding and makes it one that has not begun.
func (a *Attack) End(now time.Time, out []haechi.Finding) []haechi.Finding {
	if a.open == nil {
		return out
	}
	f := *a.open
	f.Time, f.Last, f.Over = now, a.last, true
	*a = Attack{}
	return append(out, f)
}

// Underway counts the attacks of a detector that are open, so that it looks through its
// tables each second only while there are any. It must be told of all of them.
type Underway int

// Tell is [Attack.Tell].
func (u *Underway) Tell(a *Attack, f haechi.Finding, class string, magnitude float64, out []haechi.Finding) []haechi.Finding {
	before := a.Open()
	out = a.Tell(f, class, magnitude, out)
	if !before && a.Open() {
		*u++
	}
	return out
}

// End is [Attack.End].
func (u *Underway) End(a *Attack, now time.Time, out []haechi.Finding) []haechi.Finding {
	if a.Open() {
		*u--
	}
	return a.End(now, out)
}
