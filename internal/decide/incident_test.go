package decide_test

import (
	"testing"
	"time"

	"haechi"
	"haechi/internal/decide"
)

func TestIncidentLife(t *testing.T) {
	var told []haechi.Incident
	d := decide.New(decide.Config{}, decide.Deps{OnIncident: func(in haechi.Incident) { told = append(told, in) }})
	f := against("203.0.113.7", 0)
	f.Mode, f.Severity, f.First = haechi.Shadow, haechi.Medium, start.Add(-time.Minute)
	d.Decide(f, start, nil)
	if len(told) != 1 || !told[0].End.IsZero() || !told[0].Start.Equal(f.First) || told[0].Findings != 1 {
		t.Fatalf("told %+v", told)
	}
	for i := range 1000 { // a count alone is told every ten seconds
		f.Observed = float64(20 + i)
		d.Decide(f, start.Add(time.Duration(i)*time.Millisecond), nil)
	}
	if len(told) != 1 {
		t.Fatalf("told %d times", len(told))
	}
	f.Observed, f.Severity, f.Mode = 12, haechi.Critical, haechi.Enforce
	d.Decide(f, start.Add(2*time.Second), nil)
	if len(told) != 2 || told[1].Severity != haechi.Critical || told[1].Mode != haechi.Enforce || told[1].Peak != 1019 {
		t.Fatalf("told %+v", told)
	}
	d.Tick(start.Add(2*time.Second + 5*time.Minute - 1))
	if len(told) != 2 {
		t.Fatal("closed too early")
	}
	d.Tick(start.Add(2*time.Second + 5*time.Minute))
	end := told[len(told)-1]
	if len(told) != 3 || !end.End.Equal(start.Add(2*time.Second)) || end.ID != told[0].ID || end.Findings != 1002 {
		t.Fatalf("told %+v", told)
	}
	if len(d.Incidents()) != 0 {
		t.Fatal("still open")
	}
	d.Decide(f, start.Add(time.Hour), nil)
	if told[3].ID == end.ID {
		t.Fatal("a new incident needs a new reference")
	}
}

func TestIncidentNamesItsDecision(t *testing.T) {
	var last haechi.Incident
	d := decide.New(decide.Config{}, decide.Deps{OnIncident: func(in haechi.Incident) { last = in }})
	got := one(t, d, wants("203.0.113.7", haechi.Deny, time.Hour), start)
	if last.Decision != got.ID {
		t.Fatalf("incident %+v", last)
	}
}

func TestIncidentsAreBounded(t *testing.T) {
	d := decide.New(decide.Config{MaxIncidents: 1}, decide.Deps{})
	d.Decide(against("203.0.113.7", 1), start, nil)
	one(t, d, wants("203.0.113.8", haechi.Deny, time.Hour), start) // deciding goes on
	if len(d.Incidents()) != 1 || stat(t, d, "decide_incidents_refused") != 1 {
		t.Fatalf("%+v", d.Stats())
	}
}

func TestIncidentsOfAnEarlierRunEnd(t *testing.T) {
	var told []haechi.Incident
	d := decide.New(decide.Config{}, decide.Deps{OnIncident: func(in haechi.Incident) { told = append(told, in) }})
	d.LoadIncidents([]haechi.Incident{
		{ID: "B", Rule: "b", Start: start.Add(time.Second), Last: start.Add(time.Second)},
		{ID: "A", Rule: "a", Start: start, Last: start},
		{ID: "C", Rule: "c", Start: start, Last: start, End: start},
	})
	d.Tick(start.Add(time.Hour))
	if len(told) != 2 || told[0].ID != "A" || told[1].ID != "B" {
		t.Fatalf("told %+v", told)
	}
}

// TestADetectorsIncidentIsOneUntilItIsOver: what a detector calls one incident is one,
// whoever it is about meanwhile and however long it is silent, and ends when it says so.
func TestADetectorsIncidentIsOneUntilItIsOver(t *testing.T) {
	var told []haechi.Incident
	d := decide.New(decide.Config{}, decide.Deps{OnIncident: func(in haechi.Incident) { told = append(told, in) }})
	f := against("203.0.113.7", 5)
	f.Incident, f.First, f.Last = "7K29Q-XM4TC", start, start
	d.Decide(f, start, nil)
	d.Tick(start.Add(time.Hour))
	f.About, f.Severity, f.Observed, f.Last = haechi.Scope{Kind: haechi.ScopeService, Value: "10.0.0.1"}, haechi.Critical, 100, start.Add(time.Hour)
	d.Decide(f, start.Add(time.Hour), nil)
	if len(told) != 2 || told[0].ID != "7K29Q-XM4TC" || told[1].ID != told[0].ID || !told[1].End.IsZero() {
		t.Fatalf("told %+v", told)
	}
	f.Over, f.Want, f.For = true, haechi.Deny, time.Hour
	if out := d.Decide(f, start.Add(2*time.Hour), nil); len(out) != 0 {
		t.Errorf("decided %+v because it is over", out)
	}
	end := told[len(told)-1]
	if len(told) != 3 || !end.End.Equal(f.Last) || end.Peak != 100 || end.Findings != 3 || len(d.Incidents()) != 0 {
		t.Fatalf("told %+v", told)
	}
	d.Decide(f, start.Add(3*time.Hour), nil)
	if len(told) != 3 || len(d.Incidents()) != 0 {
		t.Error("the end of no incident opened one")
	}
}

func TestADetectorThatNeverSaysOverIsGivenUp(t *testing.T) {
	ends := 0
	d := decide.New(decide.Config{}, decide.Deps{OnIncident: func(in haechi.Incident) {
		if !in.End.IsZero() {
			ends++
		}
	}})
	f := against("203.0.113.7", 0)
	f.Incident = "7K29Q-XM4TC"
	d.Decide(f, start, nil)
	if d.Tick(start.Add(24*time.Hour - 1)); ends != 0 {
		t.Error("ended too early")
	}
	if d.Tick(start.Add(24 * time.Hour)); ends != 1 {
		t.Error("never ended")
	}
}
