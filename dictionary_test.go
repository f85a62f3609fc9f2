package haechi_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"haechi"

	"pgregory.net/rapid"
)

func TestScopeRoundTrip(t *testing.T) {
	for _, text := range []string{
		"ip:203.0.113.7", "ip:2001:db8::/64", "prefix:10.0.0.0/8", "device:LOA.i/0123456789abcdef",
		"cert:spiffe://x/y", "user:kim", "fingerprint:t13d", "asn:64500", "country:KR", "service:shop",
	} {
		s, err := haechi.ParseScope(text)
		if err != nil {
			t.Fatal(err)
		}
		if s.String() != text {
			t.Errorf("%q came back as %q", text, s)
		}
	}
	for _, text := range []string{"ip:", "ip:nonsense", "203.0.113.7", "none:x", "device:", "moon:x"} {
		if _, err := haechi.ParseScope(text); haechi.KindOf(err) != haechi.Invalid {
			t.Errorf("%q: want an error of kind invalid, got %v", text, err)
		}
	}
}

func TestScopeMapsIPv4MappedAddresses(t *testing.T) {
	s, err := haechi.ParseScope("ip:::ffff:203.0.113.7")
	if err != nil {
		t.Fatal(err)
	}
	if s.String() != "ip:203.0.113.7" {
		t.Errorf("got %s", s)
	}
}

// A claimed identity must neither escape its address's decision nor bring another
// device's decision upon itself.
func TestScopeCoversOnlyProvedIdentities(t *testing.T) {
	device := haechi.Scope{Kind: haechi.ScopeDevice, Value: "bot/1"}
	a := haechi.Actor{Addr: netip.MustParseAddr("203.0.113.7"), Device: "bot/1", Assurance: haechi.Handshaken}
	if device.Covers(&a) {
		t.Error("a claim was taken for the device")
	}
	a.Assurance = haechi.Authenticated
	if !device.Covers(&a) {
		t.Error("the proved device is not covered")
	}
	if ip, _ := haechi.ParseScope("ip:203.0.113.7"); !ip.Covers(&a) {
		t.Error("the address is not covered")
	}
	if ip, _ := haechi.ParseScope("prefix:203.0.112.0/24"); ip.Covers(&a) {
		t.Error("a strange prefix covers the address")
	}
}

func TestReferenceIsSharedWithinAMinute(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 5, 0, time.UTC)
	r := haechi.NewReference("limit/address", "ip:203.0.113.7", at)
	if got := haechi.NewReference("limit/address", "ip:203.0.113.7", at.Add(54*time.Second)); got != r {
		t.Errorf("same minute, other reference: %s, %s", r, got)
	}
	for _, other := range []haechi.Reference{
		haechi.NewReference("limit/address", "ip:203.0.113.7", at.Add(time.Minute)),
		haechi.NewReference("limit/address", "ip:203.0.113.8", at),
		haechi.NewReference("limit/device", "ip:203.0.113.7", at),
	} {
		if other == r {
			t.Errorf("another refusal has the reference %s too", r)
		}
	}
}

func TestReferenceAsAPersonTypesIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := haechi.NewReference(rapid.String().Draw(t, "rule"), rapid.String().Draw(t, "actor"), time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "at"), 0))
		typed := strings.ToLower(strings.ReplaceAll(string(r), "-", rapid.SampledFrom([]string{"", "-", " "}).Draw(t, "dash")))
		typed = strings.ReplaceAll(strings.ReplaceAll(typed, "0", "o"), "1", "l")
		got, err := haechi.ParseReference(typed)
		if err != nil || got != r {
			t.Fatalf("%s typed as %q is read as %q, %v", r, typed, got, err)
		}
	})
	for _, bad := range []string{"", "7K29Q", "7K29Q-XM4TU", "7K29Q-XM4TC-1", "203.0.113.7"} {
		if _, err := haechi.ParseReference(bad); err == nil {
			t.Errorf("%q passed for a reference", bad)
		}
	}
}

func TestDeviceKeySplitsAtTheLastSlash(t *testing.T) {
	bot, id, ok := haechi.SplitDeviceKey(haechi.DeviceKey("a/b", "c"))
	if !ok || bot != "a/b" || id != "c" {
		t.Errorf("got %q %q %v", bot, id, ok)
	}
	for _, bad := range []string{"", "x", "/x", "x/"} {
		if _, _, ok := haechi.SplitDeviceKey(bad); ok {
			t.Errorf("%q passed for a device key", bad)
		}
	}
}

func TestEventJSONIsFlatECS(t *testing.T) {
	e := haechi.Event{
		Time: time.Date(2026, 11, 22, 1, 2, 3, 4, time.UTC), Kind: haechi.KindRequest, Outcome: haechi.Failure,
		Actor:  haechi.Actor{Addr: netip.MustParseAddr("203.0.113.7"), Client: netip.MustParsePrefix("203.0.113.7/32")},
		Method: "GET", Status: 429, Verdict: haechi.Throttle, Ref: "7K29Q-XM4TC",
	}
	b, err := json.Marshal(&e)
	if err != nil {
		t.Fatal(err)
	}
	var flat map[string]any
	if err := json.Unmarshal(b, &flat); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"event.action": "request", "event.outcome": "failure", "source.ip": "203.0.113.7",
		"http.request.method": "GET", "http.response.status_code": 429.0, "haechi.verdict": "throttle",
	} {
		if flat[name] != want {
			t.Errorf("%s is %v, want %v", name, flat[name], want)
		}
	}
	var back haechi.Event
	if err := json.Unmarshal(b, &back); err != nil || back != e {
		t.Errorf("round trip: %+v, %v", back, err)
	}
}

func TestSecretsNeverPrint(t *testing.T) {
	k := haechi.Key{ID: "k1", Secret: haechi.Secret("hunter2"), Salt: haechi.Secret("hunter2")}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "key", k, "secret", k.Secret)
	b, _ := json.Marshal(k)
	for _, out := range []string{fmt.Sprint(k), fmt.Sprintf("%v %+v %#v %s %x %d %q", k, k, k, k.Secret, k.Secret, k.Secret, k.Secret), log.String(), string(b)} {
		if strings.Contains(out, "hunter2") || strings.Contains(out, "68756e") || strings.Contains(out, "104 117") {
			t.Errorf("the secret shows in %q", out)
		}
	}
}

func TestErrorCarriesKindCauseAndHint(t *testing.T) {
	cause := errors.New("disk on fire")
	err := fmt.Errorf("start: %w", &haechi.Error{Kind: haechi.Unavailable, Op: "open the store", Err: cause, Hint: "put it out"})
	if haechi.KindOf(err) != haechi.Unavailable || !errors.Is(err, cause) {
		t.Errorf("kind %v", haechi.KindOf(err))
	}
	if want := "start: open the store: disk on fire (put it out)"; err.Error() != want {
		t.Errorf("got %q", err)
	}
	if haechi.KindOf(cause) != haechi.Internal {
		t.Error("an unclassified error is internal")
	}
}

func TestDecisionIsOpenUntilItsEnd(t *testing.T) {
	now := time.Unix(1000, 0)
	d := haechi.Decision{Mode: haechi.Enforce, Until: now}
	if d.Open(now) || !d.Open(now.Add(-1)) {
		t.Error("a decision ends at Until, exclusive")
	}
	d.Until = time.Time{}
	if !d.Applies(now) {
		t.Error("no end means open")
	}
	d.Mode = haechi.Shadow
	if d.Applies(now) {
		t.Error("a shadow decision applied")
	}
	d.LiftedAt = now
	if d.Open(now) {
		t.Error("a lifted decision is open")
	}
}

func TestEventFilter(t *testing.T) {
	e := haechi.Event{Time: time.Unix(100, 0), Kind: haechi.KindAuth, Outcome: haechi.Failure, Service: "bots",
		Actor: haechi.Actor{Addr: netip.MustParseAddr("203.0.113.7"), Device: "b/1"}}
	src, _ := haechi.ParseScope("prefix:203.0.113.0/24")
	for name, f := range map[string]haechi.EventFilter{
		"everything": {}, "kind": {Kinds: []haechi.Kind{haechi.KindAuth}}, "since": {Since: time.Unix(100, 0)},
		"device": {Device: "b/1"}, "failures": {Failures: true}, "source": {Source: src},
	} {
		if !f.Matches(&e) {
			t.Errorf("%s: should match", name)
		}
	}
	for name, f := range map[string]haechi.EventFilter{
		"kind": {Kinds: []haechi.Kind{haechi.KindMessage}}, "until": {Until: time.Unix(100, 0)}, "device": {Device: "B/1"},
		"severity": {AtLeast: haechi.High}, "service": {Service: "shop"}, "ref": {Ref: "x"},
	} {
		if f.Matches(&e) {
			t.Errorf("%s: should not match", name)
		}
	}
}
