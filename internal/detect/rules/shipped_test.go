package rules_test

import (
	"os"
	"testing"

	"haechi"
	"haechi/internal/detect/rules"
)

func shipped(t testing.TB, o rules.Options) *rules.Set {
	t.Helper()
	s, err := rules.Load(os.DirFS("../../../rules"), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestShippedRules runs the examples of every shipped rule, and every threshold at
// N-1, N and N+1.
func TestShippedRules(t *testing.T) {
	if err := shipped(t, rules.Options{}).Check(); err != nil {
		t.Error(err)
	}
}

// TestDocumentsNumbers holds the shipped numbers to the source documents'.
func TestDocumentsNumbers(t *testing.T) {
	type numbers struct {
		threshold float64
		window    string
		action    haechi.Action
		length    string
		mode      haechi.Mode
	}
	want := map[string]numbers{
		"service/certificate":    {0, "1m0s", haechi.Pass, "0s", haechi.Enforce},        // B119, B120
		"service/unsafe-page":    {0, "1m0s", haechi.Pass, "0s", haechi.Enforce},        // F62
		"device/rapid-reconnect": {10, "1m0s", haechi.Deny, "5m0s", haechi.Enforce},     // A13: refused
		"device/unusual-hour":    {0, "4h0m0s", haechi.Watch, "4h0m0s", haechi.Shadow},  // A14: 2, 3, 4, 5
		"device/bulk-messages":   {100, "1m0s", haechi.Watch, "1h0m0s", haechi.Shadow},  // A15
		"device/failed-auth":     {5, "5m0s", haechi.Watch, "1h0m0s", haechi.Shadow},    // A16
		"device/room-hopping":    {20, "1m0s", haechi.Watch, "1h0m0s", haechi.Shadow},   // A17
		"service/request-rate":   {1000, "1m0s", haechi.Pass, "0s", haechi.Enforce},     // B37
		"auth/brute-force":       {10, "10m0s", haechi.Deny, "1h0m0s", haechi.Enforce},  // A46
		"auth/flood-of-failures": {100, "5m0s", haechi.Deny, "24h0m0s", haechi.Enforce}, // A70
		"auth/wave-of-failures":  {50, "5m0s", haechi.Pass, "0s", haechi.Enforce},       // A68
		"client/over-limits":     {100, "1m0s", haechi.Watch, "1h0m0s", haechi.Shadow},  // ours
		"http/login-failures":    {10, "5m0s", haechi.Deny, "15m0s", haechi.Shadow},     // ours
		"http/costly-client":     {20, "1m0s", haechi.Pass, "0s", haechi.Enforce},       // ours, B35
		"network/hidden-service": {0, "24h0m0s", haechi.Pass, "0s", haechi.Shadow},      // B97
		"service/overload":       {50, "1m0s", haechi.Pass, "0s", haechi.Enforce},       // ours
	}
	s := shipped(t, rules.Options{})
	for _, r := range s.Info() {
		if r.Detector != "" {
			continue // its numbers are tried beside its code
		}
		got := numbers{r.Threshold, r.Window.String(), r.Want, r.For.String(), r.Mode}
		if got != want[r.ID] {
			t.Errorf("%s: %+v, want %+v", r.ID, got, want[r.ID])
		}
		if s.Title(r.ID, "ko") == "" || s.Title(r.ID, "en") != r.Title {
			t.Errorf("%s: titles %q and %q", r.ID, s.Title(r.ID, "en"), s.Title(r.ID, "ko"))
		}
		delete(want, r.ID)
	}
	for id := range want {
		t.Errorf("%s is not shipped", id)
	}
}

// BenchmarkLoad reads the shipped rules, as each start and each reload does.
func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		shipped(b, rules.Options{})
	}
}
