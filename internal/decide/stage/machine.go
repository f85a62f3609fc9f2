package stage

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"haechi"
)

// maxAttacks bounds the floods at once, maxEased how often the calm doubles.
const (
	maxAttacks = 64
	maxEased   = 3
)

// Machine holds the stage. It is safe for concurrent use.
type Machine struct {
	cfg Config

	mu      sync.Mutex
	attacks map[haechi.Reference]*attack
	raised  haechi.Stage // what floods asked for, stepping down
	by      string
	changed time.Time    // of raised
	quiet   time.Time    // since when no flood and no pressure was seen
	last    haechi.Stage // the highest of the last flood
	lastEnd time.Time
	repeats int

	chosen  haechi.Stage // the operator's, until
	until   time.Time
	chooser string
	refused uint64
}

type attack struct {
	haechi.Attack
	helps haechi.Stage
	muted bool // an operator released it
}

// New returns a machine at StageWatch.
func New(cfg Config) *Machine {
	cfg.defaults()
	return &Machine{cfg: cfg, attacks: map[haechi.Reference]*attack{}}
}

// Observe takes a finding in. Those that are about no flood, in shadow, or milder than
// medium, raise nothing.
func (m *Machine) Observe(f *haechi.Finding, now time.Time) {
	most, flood := helps(f.Detector)
	if !flood || f.Mode != haechi.Enforce || f.Incident == "" || m.cfg.Mode == haechi.Off {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	a := m.attacks[f.Incident]
	if f.Over {
		if a != nil {
			m.end(f.Incident, now)
		}
		return
	}
	if f.Severity < haechi.Medium {
		return
	}
	if a == nil {
		if len(m.attacks) >= maxAttacks {
			m.refused++
			return
		}
		a = &attack{helps: most, Attack: haechi.Attack{ID: f.Incident, Rule: f.Rule, Detector: f.Detector, Start: f.First, Limit: f.Threshold}}
		m.attacks[f.Incident] = a
		a.Asks = m.remembered(a, now)
	}
	a.Last, a.Severity, a.Peak = now, max(a.Severity, f.Severity), max(a.Peak, f.Observed)
	a.Asks = max(a.Asks, m.worth(a, now))
	m.raise(a, now)
}

// remembered is what the last flood had reached, for one that follows it.
func (m *Machine) remembered(a *attack, now time.Time) haechi.Stage {
	if m.lastEnd.IsZero() || now.Sub(m.lastEnd) > m.cfg.Remember {
		m.repeats = 0
		return 0
	}
	m.repeats = min(m.repeats+1, maxEased)
	return min(m.last, a.helps)
}

// worth is the stage that a flood asks for by now.
func (m *Machine) worth(a *attack, now time.Time) haechi.Stage {
	s := haechi.StageTighten
	if a.Severity >= haechi.High {
		s = haechi.StageCookies
		if m.raised >= haechi.StageCookies && now.Sub(m.changed) >= m.cfg.Step && now.Sub(m.cfg.Start) >= m.cfg.Settle {
			s = haechi.StageKnown
		}
	}
	return min(s, a.helps, m.cfg.Highest)
}

// raise takes the stage that a flood asks for, if it is worse.
func (m *Machine) raise(a *attack, now time.Time) {
	m.quiet = time.Time{}
	if a.muted || a.Asks <= m.raised {
		return
	}
	m.raised, m.changed, m.by = a.Asks, now, "rule:"+a.Rule
}

func (m *Machine) end(id haechi.Reference, now time.Time) {
	delete(m.attacks, id)
	if len(m.attacks) == 0 {
		m.last, m.lastEnd = m.raised, now
	}
}

// Forget takes all floods for over: their detectors began anew, and say so again.
func (m *Machine) Forget(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id := range m.attacks {
		m.end(id, now)
	}
}

// Set takes the operator's stage for some time. Errors are of kind Invalid.
func (m *Machine) Set(s haechi.Stage, by string, length time.Duration, now time.Time) error {
	if length <= 0 {
		length = DefaultFor
	}
	if length > LongestFor {
		return &haechi.Error{Kind: haechi.Invalid, Op: "set the stage", Msg: "a stage holds for 24 hours at most", Hint: "set it again before it ends"}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.chosen, m.until, m.chooser = s, now.Add(length), by
	return nil
}

// Release ends the operator's stage and what the present floods ask for.
func (m *Machine) Release(by string, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.until, m.raised, m.changed, m.by = time.Time{}, haechi.StageWatch, now, by
	m.quiet, m.last, m.repeats = time.Time{}, haechi.StageWatch, 0
	for _, a := range m.attacks {
		a.muted, a.Asks = true, haechi.StageWatch
	}
}

// Tick lets time pass; call it about once a second. dropped is how many packets and
// connections a second the stage itself holds off.
func (m *Machine) Tick(now time.Time, dropped float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.until.IsZero() && !now.Before(m.until) {
		m.until = time.Time{}
	}
	asked := haechi.StageWatch
	for id, a := range m.attacks {
		if now.Sub(a.Last) > m.cfg.Lost {
			m.end(id, now)
			continue
		}
		asked = max(asked, a.Asks)
	}
	m.stepDown(now, asked, dropped)
}

// stepDown takes the next milder stage after a calm. A flood that asks for less than there
// is lets it step down as far as that.
func (m *Machine) stepDown(now time.Time, asked haechi.Stage, dropped float64) {
	if m.raised <= asked || m.raised == haechi.StageWatch || dropped > m.cfg.Pressure {
		m.quiet = time.Time{}
		return
	}
	if m.quiet.IsZero() {
		m.quiet = now
	}
	if now.Sub(m.quiet) >= m.calm() {
		m.raised, m.changed, m.quiet = m.raised-1, now, now
	}
}

func (m *Machine) calm() time.Duration { return m.cfg.Calm << m.repeats }

// Stage is the one that counts, and whether it is in force or only shown.
func (m *Machine) Stage(now time.Time) (s haechi.Stage, shadow bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.stage(now)
}

func (m *Machine) stage(now time.Time) (haechi.Stage, bool) {
	if now.Before(m.until) {
		return m.chosen, false
	}
	return m.raised, m.cfg.Mode != haechi.Enforce
}

// Status says where it stands, and why. What is in force is the caller's to add.
func (m *Machine) Status(now time.Time) haechi.AttackStatus {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := haechi.AttackStatus{Mode: m.cfg.Mode, Raised: m.raised, Since: m.changed, By: m.by, Cookies: -1, Attacks: []haechi.Attack{}}
	s.Stage, _ = m.stage(now)
	if now.Before(m.until) {
		s.Until, s.By, s.Mode = m.until, m.chooser, haechi.Enforce
	} else if !m.quiet.IsZero() {
		s.Next = m.quiet.Add(m.calm())
	}
	for _, a := range m.attacks {
		s.Attacks = append(s.Attacks, a.Attack)
	}
	slices.SortFunc(s.Attacks, func(a, b haechi.Attack) int { return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.ID, b.ID)) })
	return s
}

// Stats are the machine's counters.
func (m *Machine) Stats() []haechi.Counter {
	m.mu.Lock()
	defer m.mu.Unlock()
	return []haechi.Counter{{Name: "stage_attacks", Value: uint64(len(m.attacks))}, {Name: "stage_attacks_refused", Value: m.refused}}
}
