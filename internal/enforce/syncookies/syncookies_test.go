package syncookies_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"haechi"
	"haechi/internal/brick/netnstest"
	"haechi/internal/enforce/syncookies"
)

// proc is a /proc/sys with the setting.
func proc(t *testing.T, value string) (dir, file string) {
	t.Helper()
	dir = t.TempDir()
	file = filepath.Join(dir, "net/ipv4/tcp_syncookies")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(value+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, file
}

func holds(t *testing.T, file, want string) {
	t.Helper()
	got, err := os.ReadFile(file)
	if err != nil || strings.TrimSpace(string(got)) != want {
		t.Errorf("it is %q, %v; want %s", got, err, want)
	}
}

func TestWhatWasSetBeforeComesBack(t *testing.T) {
	for _, before := range []string{"0", "1"} {
		dir, file := proc(t, before)
		s, err := syncookies.New(dir, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := s.Force(); err != nil {
				t.Fatal(err)
			}
			holds(t, file, "2")
		}
		for range 2 {
			if err := s.Release(); err != nil {
				t.Fatal(err)
			}
			holds(t, file, before)
		}
	}
}

func TestAlwaysStaysAlways(t *testing.T) {
	dir, file := proc(t, "2")
	s, err := syncookies.New(dir, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Force(); err != nil {
		t.Fatal(err)
	}
	if err := s.Release(); err != nil {
		t.Fatal(err)
	}
	holds(t, file, "2")
}

func TestTheNextProcessSetsItBack(t *testing.T) {
	dir, file := proc(t, "1")
	keep := t.TempDir()
	s, err := syncookies.New(dir, keep)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Force(); err != nil {
		t.Fatal(err)
	}
	if _, err := syncookies.New(dir, keep); err != nil {
		t.Fatal(err)
	}
	holds(t, file, "1")
}

func TestWhatSomebodyElseSetIsLeft(t *testing.T) {
	dir, file := proc(t, "1")
	s, err := syncookies.New(dir, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Force(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("0"), 0); err != nil {
		t.Fatal(err)
	}
	if err := s.Release(); err != nil {
		t.Fatal(err)
	}
	holds(t, file, "0")
}

func TestAKernelWithoutCookiesIsSaid(t *testing.T) {
	if _, err := syncookies.Read(t.TempDir()); haechi.KindOf(err) != haechi.Unavailable {
		t.Errorf("got %v", err)
	}
	s, err := syncookies.New(t.TempDir(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Force(); haechi.KindOf(err) != haechi.Unavailable {
		t.Errorf("got %v", err)
	}
	dir, _ := proc(t, "soon")
	if _, err := syncookies.Read(dir); err == nil {
		t.Error("taken")
	}
}

// TestTheSettingStaysOpen: whoever cannot open it any more still changes it, and sets it back.
func TestTheSettingStaysOpen(t *testing.T) {
	dir, file := proc(t, "1")
	s, err := syncookies.New(dir, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(dir, "net"), filepath.Join(dir, "gone")); err != nil {
		t.Fatal(err)
	}
	file = strings.Replace(file, "/net/", "/gone/", 1)
	for _, step := range []struct {
		do   func() error
		want string
	}{{s.Force, "2"}, {s.Release, "1"}} {
		if err := step.do(); err != nil {
			t.Error(err)
		}
		holds(t, file, step.want)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Force(); err == nil {
		t.Error("a switch that was closed still switches")
	}
}

// TestTheKernelTakesIt: the real one, in a namespace of the test's own.
func TestTheKernelTakesIt(t *testing.T) {
	ns := netnstest.New(t)
	if err := ns.Do(func() error {
		before, err := syncookies.Read("/proc/sys")
		if err != nil {
			return err
		}
		s, err := syncookies.New("/proc/sys", t.TempDir())
		if err != nil {
			return err
		}
		if err := s.Force(); err != nil {
			return err
		}
		if n, err := syncookies.Read("/proc/sys"); n != 2 || err != nil {
			t.Errorf("it is %d, %v", n, err)
		}
		if err := s.Release(); err != nil {
			return err
		}
		if n, err := syncookies.Read("/proc/sys"); n != before || err != nil {
			t.Errorf("it is %d, %v; was %d", n, err, before)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
