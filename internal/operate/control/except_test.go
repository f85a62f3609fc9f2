package control_test

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"haechi"
)

// excepted keeps exceptions in memory.
type excepted struct{ w *world }

func (x excepted) Exceptions() []haechi.Exception { return x.w.excepted }

func (x excepted) AddException(_ context.Context, add haechi.Exception, _ time.Time) error {
	x.w.excepted = append(slices.DeleteFunc(x.w.excepted, func(old haechi.Exception) bool { return old.ID == add.ID }), add)
	return nil
}

func (x excepted) EndException(_ context.Context, id string) (ended haechi.Exception, err error) {
	x.w.excepted = slices.DeleteFunc(x.w.excepted, func(old haechi.Exception) bool {
		if old.ID == id {
			ended = old
		}
		return old.ID == id
	})
	return ended, nil
}

// hit is a recorded request in which the WAF found something.
func (w *world) hit(ref, path, client, hits string) *haechi.Event {
	w.events = append(w.events, haechi.Event{Time: w.now.Add(-time.Hour), Kind: haechi.KindRequest, Outcome: haechi.Failure, Service: "shop", Path: path, Ref: haechi.Reference(ref),
		Verdict: haechi.Deny, Shadow: true, Reason: haechi.ReasonWAF, Hits: hits, Actor: haechi.Actor{Client: netip.MustParsePrefix(client), Assurance: haechi.Handshaken}})
	return &w.events[len(w.events)-1]
}

const alarm = "8/5 942100,5,ARGS:q,x%27_x 920300,3,REQUEST_HEADERS,x"

// TestExceptionChangesWhatMatches: exactly the recorded requests with that rule, path and
// variable change.
func TestExceptionChangesWhatMatches(t *testing.T) {
	w, c := newWorld()
	w.hit("7K29Q-XM4TC", "/search", "203.0.113.7/32", alarm).Count = 4
	w.hit("7K29Q-XM4TD", "/search", "203.0.113.8/32", "5/5 942100,5,ARGS:q,x")
	w.hit("7K29Q-XM4TE", "/search", "203.0.113.8/32", "10/5 942100,5,ARGS:q,x 941100,5,ARGS:r,x") // changes, and is refused still
	w.hit("7K29Q-XM4TF", "/search", "203.0.113.8/32", "5/5 942100,5,ARGS:other,x")
	w.hit("7K29Q-XM4TG", "/search/more", "203.0.113.8/32", "5/5 942100,5,ARGS:q,x")
	w.hit("7K29Q-XM4TH", "/search", "203.0.113.8/32", "5/5 942101,5,ARGS:q,x")
	w.hit("7K29Q-XM4TJ", "/search", "203.0.113.8/32", "5/5 942100,5,ARGS:q,x").Service = "other"
	p, err := c.PreviewException(t.Context(), "7K29Q-XM4TC", w.now.Add(-24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if p.Examined != 7 || p.Changed != 6 || p.Passed != 5 || p.Clients != 2 || len(p.Effects) != 3 || len(p.Exceptions) != 1 {
		t.Errorf("preview %+v", p)
	}
	if len(w.chain) != 0 || len(w.excepted) != 0 {
		t.Error("a preview changed something")
	}
	order := haechi.ExceptionOrder{Ref: "7K29Q-XM4TC", Reason: "shoes", Until: w.now.Add(time.Hour)}
	made, err := c.AddException(t.Context(), kim, order)
	if err != nil || len(made) != 1 || made[0].Owner != "kim" || made[0].Rule != 942100 || made[0].Where != "ARGS:q" || made[0].Path != "/search" {
		t.Fatalf("made %+v, %v", made, err)
	}
	r := replayed(t, w, c.Replay)
	if r.WAF.Changed != 6 || r.WAF.Passed != 5 || r.WAF.Refused != 0 {
		t.Errorf("replay %+v", r.WAF)
	}
	// Undone, it is gone; that undone, it is back.
	for i, left := range []int{0, 1} {
		if err := c.Undo(t.Context(), kim, w.chain[len(w.chain)-1].Seq); err != nil || len(w.excepted) != left {
			t.Fatalf("undo %d: %v, exceptions %+v", i+1, err, w.excepted)
		}
	}
	if w.excepted[0].ID != made[0].ID || !w.excepted[0].Expires.Equal(made[0].Expires) {
		t.Errorf("came back as %+v", w.excepted[0])
	}
	w.now = w.now.Add(2 * time.Hour)
	if r := replayed(t, w, c.Replay); r.WAF.Changed != 0 {
		t.Errorf("after its end %+v", r.WAF)
	}
}

func replayed(t *testing.T, w *world, ask func(context.Context, time.Time) (haechi.Replay, error)) haechi.Replay {
	t.Helper()
	r, err := ask(t.Context(), w.now.Add(-24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestExceptionsThatHelpNobody(t *testing.T) {
	w, c := newWorld()
	w.hit("7K29Q-XM4TC", "/a//b", "203.0.113.7/32", alarm)
	w.hit("7K29Q-XM4TD", "/a", "203.0.113.7/32", "3/5 920300,3,REQUEST_HEADERS,x") // passes
	w.hit("7K29Q-XM4TE", "/a", "203.0.113.7/32", "9/5 0,9,,x")                     // of no single match
	for ref, kind := range map[string]haechi.ErrorKind{"7K29Q-XM4TC": haechi.Conflict, "7K29Q-XM4TD": haechi.Conflict, "7K29Q-XM4TE": haechi.Conflict, "7K29Q-XM4TF": haechi.NotFound} {
		if _, err := c.PreviewException(t.Context(), haechi.Reference(ref), w.now.Add(-time.Hour)); haechi.KindOf(err) != kind {
			t.Errorf("%s: %v", ref, err)
		}
	}
	for _, until := range []time.Time{{}, w.now, w.now.AddDate(2, 0, 0)} {
		if _, err := c.AddException(t.Context(), kim, haechi.ExceptionOrder{Ref: "7K29Q-XM4TC", Until: until}); haechi.KindOf(err) != haechi.Invalid {
			t.Errorf("until %v: %v", until, err)
		}
	}
	if _, err := c.EndException(t.Context(), kim, "", "x"); haechi.KindOf(err) != haechi.NotFound {
		t.Errorf("the configuration's: %v", err)
	}
	if len(w.chain)+len(w.excepted) != 0 {
		t.Error("something was changed")
	}
}

// TestProposals: three clients that trigger few rules make one, a proved client makes one
// alone, and who tries many things makes none.
func TestProposals(t *testing.T) {
	w, c := newWorld()
	for i := range 3 {
		w.hit("7K29Q-XM4TC", "/search", fmt.Sprintf("203.0.113.%d/32", i+1), alarm)
	}
	for i := range 2 {
		w.hit("7K29Q-XM4TD", "/two", fmt.Sprintf("203.0.113.%d/32", i+1), "5/5 942100,5,ARGS:q,x")
	}
	for i := range 9 { // a scan: rules without end
		for rule := range 5 {
			w.hit("7K29Q-XM4TE", "/scan", fmt.Sprintf("198.51.100.%d/32", i+1), fmt.Sprintf("5/5 %d,5,ARGS:q,x", 942100+rule))
		}
	}
	known := w.hit("7K29Q-XM4TF", "/api", "192.0.2.1/32", "5/5 942100,5,ARGS:q,x")
	known.User, known.Assurance = "minji", haechi.Authenticated
	got, err := c.ProposeExceptions(t.Context(), w.now.Add(-24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].Path != "/search" || got[0].Clients != 3 || got[0].Requests != 3 || got[0].Proved || got[0].Rule != 942100 || got[1].Path != "/api" || !got[1].Proved {
		t.Errorf("proposed %+v", got)
	}
}
