package haechi

import (
	"net/netip"
	"time"
)

// EventFilter selects recorded or live events. Zero fields select everything.
type EventFilter struct {
	Since, Until time.Time
	Kinds        []Kind
	Service      string
	Device       string
	Source       Scope // an address or prefix
	Ref          Reference
	Failures     bool     // only Outcome Failure, or a verdict other than pass
	AtLeast      Severity // only this severe or more
	Hits         bool     // only requests in which the WAF found something
	Limit        int      // newest first when limited; 0 means 100, at most 10,000
}

// Matches reports whether the event passes the filter; Limit is not looked at.
func (f *EventFilter) Matches(e *Event) bool {
	switch {
	case !f.Since.IsZero() && e.Time.Before(f.Since),
		!f.Until.IsZero() && !e.Time.Before(f.Until),
		f.Service != "" && e.Service != f.Service,
		f.Device != "" && e.Device != f.Device,
		f.Ref != "" && e.Ref != f.Ref,
		e.Severity < f.AtLeast,
		f.Hits && e.Hits == "",
		f.Failures && e.Outcome != Failure && e.Verdict == Pass,
		f.Source.IsSource() && !f.Source.Covers(&e.Actor):
		return false
	}
	if len(f.Kinds) == 0 {
		return true
	}
	for _, k := range f.Kinds {
		if k == e.Kind {
			return true
		}
	}
	return false
}

// DecisionFilter selects decisions.
type DecisionFilter struct {
	OpenAt time.Time // only those open at this time; zero: also ended and lifted ones
	ID     Reference
	About  Scope // equal scope, or for an address every scope that covers it
	Since  time.Time
	Limit  int
}

// DeviceFilter selects devices.
type DeviceFilter struct {
	Key      string // this one alone
	Statuses []DeviceStatus
	Service  string
	Limit    int
}

// NewKey is a freshly made device key: the only time its secret is shown.
type NewKey struct {
	KeyInfo
	Device string `json:"device.id"`
	Secret string `json:"secret"` // SECRET_KEY of the client script
	Salt   string `json:"salt"`   // BOT_SALT of the client script
}

// Explanation answers "why?" for a reference, an incident, an address, a network or
// a device.
type Explanation struct {
	Query string `json:"query"`
	// Refusals are the recorded refusals, newest first; each has rule, observed,
	// threshold, time and enforcement point.
	Refusals  []Event    `json:"refusals,omitempty"`
	Findings  []Finding  `json:"findings,omitempty"`
	Decisions []Decision `json:"decisions,omitempty"`
	Incidents []Incident `json:"incidents,omitempty"`
	Device    *Device    `json:"device,omitempty"`
	// Protected says why nothing may be decided against the subject; empty if it may.
	Protected string `json:"protected,omitempty"`
	// Lift are the commands that would lift what is in force.
	Lift []string `json:"lift,omitempty"`
}

// Overview is the numbers on the console's first page. Each names its window and
// comes from the same records as every other view of it.
type Overview struct {
	At time.Time `json:"at"`
	// AuthFailures counts failed device authentications in the last hour (row A32).
	AuthFailures uint64 `json:"auth_failures_1h"`
	// ActiveBots counts approved devices whose last signed ping answer is at most
	// 5 minutes old (row A30).
	ActiveBots uint64 `json:"active_bots_5m"`
	// Requests and Suspicious count since midnight in Zone (rows A31, A33).
	Requests   uint64 `json:"requests_today"`
	Suspicious uint64 `json:"suspicious_today"`
	Zone       string `json:"zone"`
	Pending    uint64 `json:"pending_devices"`
	Decisions  uint64 `json:"decisions_in_force"`
	Sessions   uint64 `json:"live_sessions"`
	// Stage is that of an attack; Shown says that it is only shown.
	Stage Stage `json:"stage"`
	Shown bool  `json:"stage_shadow,omitempty"`
	// Minutes are the last 60 minutes, oldest first, for the chart.
	Minutes []MinuteCount `json:"minutes,omitempty"`
}

// MinuteCount is one minute of traffic.
type MinuteCount struct {
	Minute  time.Time `json:"minute"`
	Passed  uint64    `json:"passed"`
	Refused uint64    `json:"refused"`
}

// RuleInfo describes a loaded rule.
type RuleInfo struct {
	ID        string        `json:"rule.id"`
	Version   int           `json:"rule.version"`
	Title     string        `json:"title"`
	Mode      Mode          `json:"mode"`
	Severity  Severity      `json:"severity"`
	Technique string        `json:"technique,omitempty"`
	Match     string        `json:"match,omitempty"` // the CEL expression
	Group     string        `json:"group,omitempty"`
	Aggregate string        `json:"aggregate,omitempty"`
	Threshold float64       `json:"threshold,omitempty"`
	Window    time.Duration `json:"window,omitempty"`
	Want      Action        `json:"action,omitempty"`
	For       time.Duration `json:"for,omitempty"`
	// Detector is the code that counts, with Parameters ("ports: 10"), where the rule
	// names one; match, group, aggregate, threshold and window are empty then.
	Detector   string   `json:"detector,omitempty"`
	Parameters []string `json:"parameters,omitempty"`
	Fired      uint64   `json:"fired"` // findings since start
	Errors     uint64   `json:"errors"`
}

// Table is a small report.
type Table struct {
	Name    string     `json:"name"`
	Window  string     `json:"window"` // the time it covers, and its zone
	Columns []string   `json:"columns"`
	Rows    [][]string `json:"rows"`
}

// Status is what `haechi status` shows.
type Status struct {
	Version  string          `json:"version"`
	Started  time.Time       `json:"started"`
	Reloaded time.Time       `json:"reloaded,omitzero"`
	Config   string          `json:"config"`
	Services []ServiceStatus `json:"services"`
	// Enforcers says what is used and, where something better is missing, why.
	Enforcers []EnforcerStatus `json:"enforcers"`
	// Counters are the bounds that refused something: name and count.
	Counters []Counter `json:"counters"`
	// Records says where the records lie and how far they are behind.
	Records RecordsStatus `json:"records"`
	// Peers are other programs that hand over decisions.
	Peers []PeerStatus `json:"peers,omitempty"`
	// Certificates are those of our own, of services and the console.
	Certificates []CertificateStatus `json:"certificates,omitempty"`
	// Lists are the deny lists that come as files.
	Lists []ListStatus `json:"lists,omitempty"`
	// Logs are the files that the sensor follows.
	Logs []LogStatus `json:"logs,omitempty"`
	// Degraded lists parts that run on their failure answer, with what to do.
	Degraded []string `json:"degraded,omitempty"`
	// Warnings are limits of the configuration that contradict each other.
	Warnings []string `json:"warnings,omitempty"`
}

// ListStatus says what is in force of one deny list.
type ListStatus struct {
	Name     string    `json:"name"`
	File     string    `json:"file"`
	Mode     Mode      `json:"mode"`
	Prefixes int       `json:"prefixes"`        // addresses and networks
	Left     int       `json:"left_out"`        // lines that were not taken
	First    string    `json:"first,omitempty"` // the first of them, and why
	Spared   int       `json:"spared"`          // protected prefixes that it names: they pass
	Read     time.Time `json:"read,omitzero"`
	// Packets were dropped by the kernel, Refused connections and requests in process; in
	// shadow they would have been.
	Packets uint64 `json:"packets"`
	Refused uint64 `json:"refused"`
	// Note is why the file is not what is in force.
	Note string `json:"note,omitempty"`
}

// LogStatus says how far one entry of sensor.logs is read.
type LogStatus struct {
	Path  string `json:"path"`  // as it is configured
	Files int    `json:"files"` // that are open
	Lines uint64 `json:"lines"` // that were read
	Told  uint64 `json:"told"`  // events that they made
	// Long lines were left out; Ambiguous ones can be read in two ways and told nothing;
	// Future ones had a time to come, and got that of their reading.
	Long      uint64 `json:"long"`
	Ambiguous uint64 `json:"ambiguous"`
	Future    uint64 `json:"future"`
	Gaps      uint64 `json:"gaps"`    // rotations after which lines may be missing
	Refused   uint64 `json:"refused"` // files for which there is no room
	Behind    uint64 `json:"behind"`  // bytes that are not read yet
	// Newest is the time of the event told last.
	Newest time.Time `json:"newest,omitzero"`
}

// RecordsStatus is the state of the records.
type RecordsStatus struct {
	Where      string `json:"where"`
	Waiting    uint64 `json:"waiting"` // bytes in the spool file
	Failing    bool   `json:"failing"` // the store does not take rows at the moment
	CatchingUp bool   `json:"catching_up"`
}

// ServiceStatus is one service's state.
type ServiceStatus struct {
	Name     string   `json:"name"`
	Kind     string   `json:"kind"`
	Listen   []string `json:"listen"`
	Open     bool     `json:"open"` // the socket is listening
	Upstream string   `json:"upstream"`
	Healthy  bool     `json:"healthy"`
	Live     int      `json:"live"`
	// Servers are those behind an HTTP service that has several.
	Servers []ServerStatus `json:"servers,omitempty"`
	// OneProxy is an address, not trusted, that all HTTP clients seem to come from.
	OneProxy netip.Addr `json:"one_proxy,omitzero"`
	// Limits are those that count for its requests and connections, in order of precedence.
	Limits []LimitStatus `json:"limits,omitempty"`
}

// ServerStatus is one server behind a service: whether it answered last, whether it is
// being drained, and how many requests and upgraded connections it has under way.
type ServerStatus struct {
	URL      string `json:"url"`
	Up       bool   `json:"up"`
	Draining bool   `json:"draining"`
	Busy     int64  `json:"busy"`
}

// LimitStatus is one limit as it counts: what it is of, how much, and which level of
// the configuration says so (route, class, service or shared).
type LimitStatus struct {
	Of    string `json:"of"`
	Value string `json:"value"`
	Level string `json:"level"`
}

// Able says whether a machine can do something; it may not be known.
type Able uint8

// The answers.
const (
	AbleUnknown Able = iota
	AbleYes
	AbleNo
)

func ableNames() []string { return []string{"unknown", "yes", "no"} }

// String names the answer.
func (a Able) String() string { return enumText(ableNames(), a) }

// MarshalText implements encoding.TextMarshaler.
func (a Able) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *Able) UnmarshalText(b []byte) (err error) {
	*a, err = parseEnum[Able]("answer", ableNames(), string(b))
	return err
}

// CertificateStatus is one certificate that is served.
type CertificateStatus struct {
	Service string `json:"service"` // empty for the console
	// Origin is files, acme or dev_ca.
	Origin  string    `json:"origin"`
	Names   []string  `json:"names"`
	Until   time.Time `json:"until,omitzero"` // zero while there is none yet
	Stapled bool      `json:"stapled,omitempty"`
	Flaws   []Reason  `json:"flaws,omitempty"`
}

// EnforcerStatus is one enforcer as read back, or one that could be used and is not.
type EnforcerStatus struct {
	Name    string `json:"name"`
	InForce int    `json:"in_force"`
	Drift   uint64 `json:"drift_repaired"`
	// Note is its failure, if it has one.
	Note string `json:"note,omitempty"`
	// Able says whether this machine, and this process on it, can enforce here.
	Able Able `json:"able"`
	// Unused says why it is not used: off, off_able or off_unable (switched off), left
	// (so, and what an earlier process left is in force), denied, missing or failed.
	// Empty: it is used.
	Unused string `json:"unused,omitempty"`
}

// Counter is one named count.
type Counter struct {
	Name  string `json:"name"`
	Value uint64 `json:"value"`
}

// Replay is what the present rules would have done with recorded events.
type Replay struct {
	Since     time.Time  `json:"since"`
	Events    int        `json:"events"`
	Findings  []Finding  `json:"findings"`
	Decisions []Decision `json:"decisions"`
	// WAF is what the exceptions in force change in the recorded hits.
	WAF ExceptionPreview `json:"waf"`
}
