package child_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"haechi/internal/brick/child"
)

func shell(script string) child.Program {
	return child.Program{Path: "/bin/sh", Args: []string{"-c", script}, Grace: time.Minute}
}

// TestRun: what a program does by itself, and what it does when it is asked to end.
func TestRun(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		code   int // -1: it ends only when it is asked
	}{
		"ends well": {"echo up", 0}, "fails": {"echo up; exit 3", 3},
		"ends when asked":   {"trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done", -1},
		"ends by TERM":      {"echo up; exec sleep 600", -1},
		"is killed at last": {"trap '' TERM; echo up; while :; do sleep 0.05; done", -2},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			p := shell(c.script)
			if c.code == -2 {
				p.Grace = 50 * time.Millisecond
			}
			p.Stdout = child.First(func() {
				if c.code < 0 {
					cancel()
				}
			})
			err := p.Run(ctx)
			ended := (*exec.ExitError)(nil)
			switch {
			case c.code == 0 || c.code == -1:
				if err != nil {
					t.Error(err)
				}
			case !errors.As(err, &ended):
				t.Errorf("%v", err)
			case c.code > 0 && ended.ExitCode() != c.code, c.code == -2 && ended.Exited():
				t.Errorf("ended by %v", ended)
			}
		})
	}
	p := child.Program{Path: "/nowhere/at-all"}
	if err := p.Run(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a program that is not there: %v", err)
	}
}

// TestAccount: as another user, with its groups and one capability, and nothing else.
func TestAccount(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root; CI is root")
	}
	var out bytes.Buffer
	p := shell("id -u; id -G; grep -E '^Cap(Prm|Eff|Amb)' /proc/self/status; echo $WORD")
	p.Stdout, p.Env = &out, []string{"WORD=text", "PATH=/usr/bin:/bin"}
	p.As = &child.Account{UID: 65534, GID: 65534, Groups: []uint32{4}, Keep: []int{10}}
	if err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := "65534 65534 4 CapPrm: 0000000000000400 CapEff: 0000000000000400 CapAmb: 0000000000000400 text"
	if got := strings.Join(strings.Fields(out.String()), " "); got != want {
		t.Errorf("%s", got)
	}
}

// TestKeep: a program that ends is started again, and no more once the context has ended.
func TestKeep(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var runs, told int
	p := shell("exit 1")
	p.Stdout = io.Discard
	p.Started = func(int) { runs++ }
	p.Keep(ctx, child.Pause{Least: time.Millisecond, Most: 4 * time.Millisecond, Calm: time.Hour}, func(err error, again time.Duration) {
		if told++; err == nil || again != []time.Duration{1, 2, 4, 4}[told-1]*time.Millisecond {
			t.Errorf("time %d: %v, again in %v", told, err, again)
		}
		if told == 4 {
			cancel()
		}
	})
	if runs != 4 || told != 4 {
		t.Errorf("%d runs, told %d times", runs, told)
	}
}

// TestPauseGrowsAndShrinks: twice as long each time, up to the most, and the least again
// after a calm.
func TestPauseGrowsAndShrinks(t *testing.T) {
	p := child.Pause{Least: time.Second, Most: 30 * time.Second, Calm: time.Minute}
	var last time.Duration
	for i, want := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
		if last = p.After(last, time.Second); last != want*time.Second {
			t.Errorf("pause %d is %v", i, last)
		}
	}
	if last = p.After(last, time.Minute); last != time.Second {
		t.Errorf("after a calm %v", last)
	}
	if got := p.After(0, time.Hour); got != time.Second {
		t.Errorf("the first pause is %v", got)
	}
}
