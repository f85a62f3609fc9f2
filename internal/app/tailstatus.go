package app

import (
	"fmt"
	"slices"
	"time"

	"haechi"
	"haechi/internal/sensor/logtail"
)

// count brings up to date what others read, and tells of files that cannot be followed
// once each.
func (t *tails) count() {
	var stats []haechi.LogStatus
	var problems []string
	for i, l := range t.logs {
		c := t.follow.Counts(i)
		stats = append(stats, l.status(&c))
		problems = append(problems, t.told(l, &c)...)
	}
	if t.failed != nil {
		problems = append(problems, fmt.Sprintf("up to where logs were read cannot be saved: %v (make room in the state folder, and let the gateway's user write there)", t.failed))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stats, t.problems = stats, problems
}

func (l *tailed) status(c *logtail.Counts) haechi.LogStatus {
	s := l.stats()
	return haechi.LogStatus{Path: l.cfg.Path, Files: c.Files, Lines: c.Lines, Told: s.Told, Long: c.Long, Ambiguous: s.Ambiguous, Future: l.future,
		Gaps: c.Gaps, Refused: uint64(c.Refused), Behind: uint64(c.Lag), Newest: l.newest}
}

// told tells of problems that are new, and returns all that there are.
func (t *tails) told(l *tailed, c *logtail.Counts) (all []string) {
	for _, p := range c.Problems {
		text := failing(p)
		all = append(all, text)
		if l.said[p.Path] != text {
			l.said[p.Path] = text
			t.tell(text, haechi.Failure)
		}
	}
	for path := range l.said {
		if !slices.ContainsFunc(c.Problems, func(p logtail.Problem) bool { return p.Path == path }) {
			delete(l.said, path)
			t.tell("the log "+path+" is not missed any more", haechi.Success)
		}
	}
	if c.Refused > 0 {
		all = append(all, fmt.Sprintf("%d files of %s are not read: there are too many (name fewer in sensor.logs)", c.Refused, l.cfg.Path))
	}
	if l.late > 0 {
		all = append(all, fmt.Sprintf("the lines of %s say that they are %s old when they are written (set zone: to that of its writer, or its clock)",
			l.cfg.Path, l.late.Round(time.Minute)))
	}
	return all
}

// tell makes an event of a file that is missing or there again.
func (t *tails) tell(text string, outcome haechi.Outcome) {
	severity := haechi.Info
	if outcome == haechi.Failure {
		severity = haechi.Medium
		t.log.Error(text)
	}
	t.emit(&haechi.Event{Time: t.now().UTC(), Kind: haechi.KindSystem, Outcome: outcome, Severity: severity, Provoked: true, Text: text})
}

// status says how far each log is read.
func (t *tails) status() []haechi.LogStatus {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.stats)
}

// degraded says which logs are not read, and what to do.
func (t *tails) degraded() []string {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.problems)
}

// counters are those of each entry of sensor.logs, by its path as it is configured.
func (t *tails) counters() (out []haechi.Counter) {
	for _, s := range t.status() {
		for _, c := range []haechi.Counter{{Name: "lines", Value: s.Lines}, {Name: "told", Value: s.Told}, {Name: "too long", Value: s.Long},
			{Name: "ambiguous", Value: s.Ambiguous}, {Name: "future", Value: s.Future}, {Name: "gaps", Value: s.Gaps}, {Name: "refused", Value: s.Refused},
			{Name: "behind_bytes", Value: s.Behind}} {
			out = append(out, haechi.Counter{Name: s.Path + " " + c.Name, Value: c.Value})
		}
	}
	return out
}
