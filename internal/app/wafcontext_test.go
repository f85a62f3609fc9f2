package app_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"haechi"
	"haechi/internal/app"
	"haechi/internal/inspect/waf"
	"haechi/internal/inspect/waf/params"
)

// teach writes what a gateway of nine days would have learned of GET /item/7?id=8.
func (r *rig) teach(t *testing.T) {
	t.Helper()
	l := params.New(params.Config{})
	now := time.Now().Add(-9 * 24 * time.Hour)
	for n := range 1000 {
		now = now.Add(9 * 24 * time.Hour / 1000)
		a := netip.AddrFrom4([4]byte{20, 0, byte(n % 60), 1})
		target := fmt.Sprintf("/item/%d?id=%d", n, n)
		q := &haechi.Request{Service: "shop", Method: "GET", Path: fmt.Sprintf("/item/%d", n), Lesson: new(haechi.Lesson), Actor: &haechi.Actor{Addr: a, Client: netip.PrefixFrom(a, 32)}}
		l.Weigh(&waf.View{Method: "GET", Target: target}, q, true, nil, now)
		l.Learn(q, now)
	}
	state, err := l.MarshalBinary()
	if err == nil {
		err = os.MkdirAll(r.dir, 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(r.dir, "habits-waf"), state, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// asks sends what is usual and what is not, and says how often the first was learned.
func (r *rig) asks(t *testing.T, a *app.App, when string) uint32 {
	t.Helper()
	c := on(t)
	for _, q := range []asked{{"usual", "GET", "/item/7?id=8", "", "", 200}, {"unusual", "GET", "/item/7?id=%28x%29", "", "", 403}, {"another route", "GET", "/other?id=%28x%29", "", "", 200}} {
		if got := q.send(t, c, "http://"+r.web); got != q.status {
			t.Errorf("%s, %s: status %d, want %d", when, q.name, got, q.status)
		}
	}
	held, err := a.Control().Held(t.Context(), "shop", "id", 10)
	if err != nil || len(held) == 0 || held[0].Route != "GET /item/{integer}" || held[0].Kinds != "integer" || !held[0].Tells {
		t.Fatalf("%s: %+v, %v", when, held, err)
	}
	return held[0].Requests
}

// TestWhatParametersHoldOutlivesReloadAndRestart: it counts from the start on, goes on over
// a reload, and over a restart with what was learned since.
func TestWhatParametersHoldOutlivesReloadAndRestart(t *testing.T) {
	r := newRig(t)
	r.write(t, "    waf: { mode: enforce, context: enforce, context_score: 5 }\n")
	r.teach(t)
	var before, after uint32
	t.Run("first", func(t *testing.T) {
		a, _ := r.start(t)
		r.asks(t, a, "first")
		if err := a.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		before = r.asks(t, a, "after a reload")
	})
	t.Run("restarted", func(t *testing.T) {
		a, _ := r.start(t)
		after = r.asks(t, a, "after a restart")
	})
	if before < 1001 || after < before {
		t.Errorf("%d requests before the restart, %d after it", before, after)
	}
	r.write(t, "    waf: { mode: enforce, context: shadow }\n")
	t.Run("shadow", func(t *testing.T) {
		r.start(t)
		if got := (asked{"unusual", "GET", "/item/7?id=%28x%29", "", "", http.StatusOK}).send(t, on(t), "http://"+r.web); got != http.StatusOK {
			t.Errorf("in shadow: status %d", got)
		}
	})
}
