package service_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"haechi/internal/brick/service"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) add(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

func (d *diary) part(name string, delay time.Duration, err error) (string, func(context.Context) error) {
	return name, func(ctx context.Context) error {
		<-ctx.Done()
		<-time.After(delay)
		d.add(name)
		return err
	}
}

func TestStopsInReverseOrderAndWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		var g service.Group
		g.Add(d.part("store", 0, nil))
		g.Add(d.part("pipeline", time.Second, nil))
		g.Add(d.part("listener", time.Hour, nil))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := g.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if want := []string{"listener", "pipeline", "store"}; !slices.Equal(d.lines, want) {
			t.Errorf("stopped in the order %v, want %v", d.lines, want)
		}
	})
}

func TestOneFailureStopsAllAndErrorsAreJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		var g service.Group
		full, late := errors.New("disk full"), errors.New("flush failed")
		g.Add(d.part("store", 0, late))
		g.Add("writer", func(context.Context) error { return full })
		g.Add(d.part("listener", 0, nil))
		err := g.Run(t.Context())
		if !errors.Is(err, full) || !errors.Is(err, late) || !strings.Contains(err.Error(), "writer: disk full") {
			t.Errorf("got %v", err)
		}
		if want := []string{"listener", "store"}; !slices.Equal(d.lines, want) {
			t.Errorf("stopped in the order %v, want %v", d.lines, want)
		}
	})
}

func TestAFailureOfALaterPartIsSeenWhileEarlierOnesRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		var g service.Group
		g.Add(d.part("store", 0, nil))
		g.Add("done early", func(context.Context) error { return nil })
		g.Add("crashes", func(ctx context.Context) error {
			<-time.After(time.Second)
			return errors.New("boom")
		})
		if err := g.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "crashes: boom") {
			t.Errorf("got %v", err)
		}
	})
}

func TestDoneEarlyIsNoFailure(t *testing.T) {
	var g service.Group
	g.Add("a", func(context.Context) error { return nil })
	g.Add("b", func(context.Context) error { return nil })
	if err := g.Run(t.Context()); err != nil {
		t.Error(err)
	}
	if err := new(service.Group).Run(t.Context()); err != nil {
		t.Errorf("an empty group: %v", err)
	}
}

func TestCanceledAfterStopIsNoError(t *testing.T) {
	var g service.Group
	g.Add("a", func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := g.Run(ctx); err != nil {
		t.Error(err)
	}
}

func TestAPartThatHangsIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		g := service.Group{Grace: 5 * time.Second}
		g.Add("stubborn", func(context.Context) error { <-release; return nil })
		g.Add("fails", func(context.Context) error { return errors.New("x") })
		err := g.Run(t.Context())
		close(release)
		if err == nil || !strings.Contains(err.Error(), "stubborn did not stop within 5s") {
			t.Errorf("got %v", err)
		}
	})
}
