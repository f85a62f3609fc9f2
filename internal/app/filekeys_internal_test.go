package app

import (
	"context"
	"testing"
	"time"

	"haechi"
	"haechi/internal/identity/botkeys"
	"haechi/internal/identity/devices"
)

// memory is a store for a registry that nobody opens again.
type memory struct{ devices.Store }

func (memory) Devices(context.Context) ([]haechi.Device, error) {
	return []haechi.Device{{Key: "a/1", Bot: "a", Serial: "1", Status: haechi.Approved}, {Key: "a/2", Bot: "a", Serial: "2"}}, nil
}

func (memory) Keys(_ context.Context, device string) ([]haechi.Key, error) {
	return []haechi.Key{{ID: "k1", Secret: haechi.Secret("own of " + device)}}, nil
}

func (memory) Codes(context.Context) ([]haechi.EnrolCode, error) { return nil, nil }

// A file's keys are in force for approved devices alone, beside their own where the
// profile says so, and asking for them allocates nothing.
func TestFileKeys(t *testing.T) {
	now := time.Now()
	r, err := devices.Open(t.Context(), devices.Config{}, memory{})
	if err != nil {
		t.Fatal(err)
	}
	ring, err := botkeys.Load([]byte(`{"keys":[{"id":"fleet","secret_key":"example"},{"id":"old","secret_key":"older","until":"2001-01-01T00:00:00Z"}]}`),
		botkeys.Options{Scheme: &haechi.Scheme{Strings: []haechi.SignString{{}}}, Global: true, Usable: func(haechi.Secret) bool { return true }})
	if err != nil {
		t.Fatal(err)
	}
	ids := func(keys []haechi.Key) (out string) {
		for _, k := range keys {
			out += k.ID + " "
		}
		return out
	}
	for own, want := range map[bool]string{false: "fleet ", true: "k1 fleet "} {
		f := &fileKeys{Ring: ring, registry: r, own: own}
		if got := ids(f.Keys("a/1", now)); got != want {
			t.Errorf("own %v: an approved device has %q, want %q", own, got, want)
		}
		for _, other := range []string{"a/2", "a/3", ""} {
			if got := f.Keys(other, now); got != nil {
				t.Errorf("own %v: %q has %q", own, other, ids(got))
			}
		}
		if n := testing.AllocsPerRun(100, func() { f.Keys("a/1", now) }); n > 0 {
			t.Errorf("own %v: asking allocates %v times", own, n)
		}
	}
}
