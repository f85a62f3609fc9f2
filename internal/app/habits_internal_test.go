package app

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/config"
	"haechi/internal/detect/baseline"
	"haechi/internal/pipeline"
)

// learned is a baseline that knows one device for three hours.
func learned(t *testing.T, h *habits) *baseline.Detector {
	t.Helper()
	set, err := loadRules(&config.Config{})
	if err != nil {
		t.Fatal(err)
	}
	list := h.attach("0-of-1", 2, baselines(set, networkSite(&config.Site{})))
	if len(list) != 1 {
		t.Fatalf("%d baselines", len(list))
	}
	return list[0].(*counted).Detector.(*baseline.Detector)
}

func observe(d pipeline.Detector, hours int) {
	for i := range hours {
		e := haechi.Event{Time: time.Date(2026, 3, 4, i, 0, 0, 0, time.UTC), Kind: haechi.KindMessage, Outcome: haechi.Success,
			Actor: haechi.Actor{Device: "bot/1", Assurance: haechi.Authenticated}}
		d.Observe(&e, nil)
	}
}

func TestHabitsOutliveReloadsAndRestarts(t *testing.T) {
	dir := t.TempDir()
	h := newHabits(dir, slog.New(slog.DiscardHandler))
	first := learned(t, h)
	observe(first, 4)
	want, _ := first.MarshalBinary()
	reloaded := learned(t, h)
	h.save()
	restarted := learned(t, newHabits(dir, slog.New(slog.DiscardHandler)))
	for name, d := range map[string]*baseline.Detector{"a reload": reloaded, "a restart": restarted} {
		if got, _ := d.MarshalBinary(); len(got) != len(want) {
			t.Errorf("after %s it knows %d bytes, not %d", name, len(got), len(want))
		}
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*")); len(files) != 1 {
		t.Errorf("left behind: %v", files)
	}
}

func TestHabitsThatCannotBeReadAreLearnedAnew(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "habits-0-of-1"), []byte("something else"), 0o600); err != nil {
		t.Fatal(err)
	}
	var said bytes.Buffer
	d := learned(t, newHabits(dir, slog.New(slog.NewTextHandler(&said, nil))))
	observe(d, 2)
	if !strings.Contains(said.String(), "learned anew") {
		t.Errorf("said: %s", said.String())
	}
}
