package enforce_test

import (
	"errors"
	"testing"

	"haechi"
	"haechi/internal/enforce"
)

func TestFanGivesEachWhatItTakes(t *testing.T) {
	first, other := newPlace(), kernel{newPlace()}
	f := enforce.NewFan(nil, first, other)
	device := dec("DEV", haechi.Deny)
	device.Scope = haechi.Scope{Kind: haechi.ScopeDevice, Value: "a/1"}
	if err := f.Apply(t.Context(), []haechi.Decision{dec("IP", haechi.Drop), device}); err != nil {
		t.Fatal(err)
	}
	if len(first.has) != 2 || len(other.has) != 1 {
		t.Fatalf("%d and %d", len(first.has), len(other.has))
	}
	// The same decision, about something that the other does not take.
	moved := device
	moved.ID = "IP"
	if err := f.Apply(t.Context(), []haechi.Decision{moved}); err != nil || len(other.has) != 0 {
		t.Fatalf("%v, the other has %v", err, other.has)
	}
	if err := f.Lift(t.Context(), []haechi.Reference{"IP", "DEV"}); err != nil || len(first.has) != 0 {
		t.Fatalf("%v, the first has %v", err, first.has)
	}
}

func TestFanGoesOnWithoutTheOthers(t *testing.T) {
	first, other := newPlace(), newPlace()
	f := enforce.NewFan(nil, first, other)
	other.fail = errors.New("no kernel")
	if err := f.Apply(t.Context(), []haechi.Decision{dec("A", haechi.Deny)}); err != nil || len(first.has) != 1 || f.Failed() == 0 {
		t.Fatalf("%v, %v, %d failures", err, first.has, f.Failed())
	}
	first.fail = errors.New("too many")
	if err := f.Apply(t.Context(), []haechi.Decision{dec("B", haechi.Deny)}); !errors.Is(err, first.fail) || len(other.has) != 1 {
		t.Fatalf("%v: what the first refuses is nowhere in force: %v", err, other.has)
	}
}
