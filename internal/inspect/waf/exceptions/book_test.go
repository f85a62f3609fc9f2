package exceptions_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/inspect/waf/exceptions"
)

// kept keeps settings in memory.
type kept struct {
	values map[string][]byte
	fail   error
}

func (k *kept) Setting(_ context.Context, name string) ([]byte, error) { return k.values[name], k.fail }

func (k *kept) SetSetting(_ context.Context, name string, value []byte, _ time.Time) error {
	if k.fail == nil {
		k.values[name] = value
	}
	return k.fail
}

func (k *kept) DeleteSetting(_ context.Context, name string) error {
	if k.fail == nil {
		delete(k.values, name)
	}
	return k.fail
}

func (k *kept) SettingNames(_ context.Context, prefix string) (out []string, err error) {
	for name := range k.values {
		if strings.HasPrefix(name, prefix) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out, k.fail
}

var errDisk = errors.New("disk on fire")

func TestBook(t *testing.T) {
	now := time.Date(2026, 11, 29, 9, 0, 0, 0, time.UTC)
	k := &kept{values: map[string][]byte{}}
	b, err := exceptions.Open(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	x := haechi.Exception{ID: "a", Service: "shop", Rule: 942100, Path: "/search", Where: "ARGS:q", Owner: "kim", Expires: now.Add(time.Hour)}
	for range 2 { // a second time renews it
		if err := b.AddException(t.Context(), x, now); err != nil || len(b.All()) != 1 {
			t.Fatal(err, b.All())
		}
	}
	again, err := exceptions.Open(t.Context(), k) // as after a restart
	if err != nil || len(again.All()) != 1 || again.All()[0] != x {
		t.Fatalf("%+v, %v", again.All(), err)
	}
	k.fail = errDisk
	if _, err := b.EndException(t.Context(), "a"); err == nil || len(b.All()) != 1 {
		t.Error("it ended without the records", err)
	}
	if err := b.AddException(t.Context(), haechi.Exception{ID: "b", Expires: now.Add(time.Hour)}, now); err == nil || len(b.All()) != 1 {
		t.Error("it counts without the records", err)
	}
	k.fail = nil
	if ended, err := b.EndException(t.Context(), "a"); err != nil || ended != x || len(b.All())+len(k.values) != 0 {
		t.Errorf("%+v, %v, left %v", ended, err, k.values)
	}
	if _, err := b.EndException(t.Context(), "a"); haechi.KindOf(err) != haechi.NotFound {
		t.Error(err)
	}
}

// TestBookIsBounded: at the bound none comes in, unless one has expired.
func TestBookIsBounded(t *testing.T) {
	now := time.Date(2026, 11, 29, 9, 0, 0, 0, time.UTC)
	b, err := exceptions.Open(t.Context(), &kept{values: map[string][]byte{}})
	if err != nil {
		t.Fatal(err)
	}
	for i := range exceptions.Max {
		if err := b.AddException(t.Context(), haechi.Exception{ID: fmt.Sprint(i), Expires: now.Add(time.Hour)}, now); err != nil {
			t.Fatal(i, err)
		}
	}
	one := haechi.Exception{ID: "one", Expires: now.Add(2 * time.Hour)}
	if err := b.AddException(t.Context(), one, now); haechi.KindOf(err) != haechi.Exhausted {
		t.Error(err)
	}
	if err := b.AddException(t.Context(), one, now.Add(time.Hour)); err != nil || len(b.All()) != 1 {
		t.Error(err, len(b.All()))
	}
}

func TestBrokenSetting(t *testing.T) {
	if _, err := exceptions.Open(t.Context(), &kept{values: map[string][]byte{"waf.exception/x": []byte("{")}}); haechi.KindOf(err) != haechi.Invalid {
		t.Error(err)
	}
}
