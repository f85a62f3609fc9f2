package rules

import (
	"math/rand/v2"
	"testing"

	"haechi"
)

// TestARememberedVerdictIsTheRightOne: a matcher that has seen other events says the
// same as one that has seen none.
func TestARememberedVerdictIsTheRightOne(t *testing.T) {
	lang, err := newLanguage(false)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	event := func() *haechi.Event {
		e := &haechi.Event{Kind: haechi.KindRequest, Status: 200 + 201*r.IntN(2), Shadow: r.IntN(2) == 0, Reason: []haechi.Reason{"", haechi.ReasonUnauthorized}[r.IntN(2)]}
		e.Host, e.Path = []string{"a.example", "x.onion"}[r.IntN(2)], []string{"/", "/login", "/b"}[r.IntN(3)]
		e.BytesIn = int64(r.IntN(2))
		return e
	}
	for _, text := range []string{
		"event.name.endsWith('.onion') || event.name.endsWith('.onion.') || event.host.endsWith('.onion')",
		"event.reason in ['unauthorized'] && !event.shadow",
		"event.path == '/login' && (event.status == 401 || event.bytes_in > 0)",
		"event.kind == 'request'",
		"event.host == event.path || event.host != 'a.example' && event.path != '/' && event.status != 200 && event.bytes_in != 0 && event.bytes_out == 0 && event.method == '' && !event.shadow && event.reason == ''",
		"10 / event.bytes_in == 10",
	} {
		x, err := lang.compile(text)
		if err != nil {
			t.Fatal(err)
		}
		m, said := x.matcher(), [2]int{}
		for range 500 {
			e := event()
			got, gotErr := m.match(e)
			want, wantErr := x.matcher().match(e)
			if got != want || (gotErr == nil) != (wantErr == nil) {
				t.Fatalf("%s: %v, %v; want %v, %v of %+v", text, got, gotErr, want, wantErr, e)
			}
			if want {
				said[1]++
			} else {
				said[0]++
			}
		}
		if text != "event.kind == 'request'" && (said[0] == 0 || said[1] == 0) {
			t.Errorf("%s: always the same: %v", text, said)
		}
	}
}
