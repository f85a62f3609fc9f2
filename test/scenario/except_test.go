package scenario_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"haechi"
)

// falseAlarm is a search that the WAF takes for SQL; worse has a second rule's.
const (
	falseAlarm = "/search?q=1%27+OR+%271%27%3D%271--"
	elsewhere  = "/find?q=1%27+OR+%271%27%3D%271--"
	other      = "/search?other=1%27+OR+%271%27%3D%271--"
)

// TestExceptInOneCommand: a false alarm is excepted by its reference in one command. It
// counts without a restart and after one, replay shows that exactly the matching recorded
// requests change, and it can be undone.
func TestExceptInOneCommand(t *testing.T) {
	t.Parallel()
	r := run(t, settings{shop: "waf: { mode: enforce }\nlimits: { mode: \"off\" }"})
	v := r.visitor(t, 20)
	p := v.get(falseAlarm)
	r.refusedWith(t, p, http.StatusForbidden, haechi.ReasonWAF)
	ref := p.Header.Get("X-Haechi-Ref")
	for _, path := range []string{elsewhere, other} {
		r.refusedWith(t, v.get(path), http.StatusForbidden, haechi.ReasonWAF)
	}
	r.refusedWith(t, r.visitor(t, 21).get(falseAlarm), http.StatusForbidden, haechi.ReasonWAF)
	if before := asked[haechi.Replay](r, "replay", "--since", "1h"); before.WAF.Examined != 4 || before.WAF.Changed != 0 {
		t.Errorf("before: %+v", before.WAF)
	}
	dry := asked[haechi.ExceptionPreview](r, "waf", "except", ref, "--dry-run")
	if dry.Examined != 4 || dry.Changed != 2 || dry.Passed != 2 || dry.Clients != 2 || v.get(falseAlarm).StatusCode != http.StatusForbidden {
		t.Errorf("preview %+v", dry)
	}

	r.ok("waf", "except", ref, "--for", "30d", "--reason", "a search")
	passes := func(path string, want int) {
		t.Helper()
		if got := v.get(path).StatusCode; got != want {
			t.Errorf("%s: status %d, want %d", path, got, want)
		}
	}
	passes(falseAlarm, http.StatusOK)
	passes(elsewhere, http.StatusForbidden)
	passes(other, http.StatusForbidden)
	eventually(t, "replay to tell of it", 10*time.Second, func() bool { return asked[haechi.Replay](r, "replay", "--since", "1h").WAF.Examined >= 5 })
	after := asked[haechi.Replay](r, "replay", "--since", "1h").WAF
	for _, e := range after.Effects {
		if e.Path != "/search" || !e.Passes || e.Before != 5 || e.After != 0 {
			t.Errorf("changed %+v", e)
		}
	}
	if after.Changed < 2 || after.Changed != after.Passed || after.Refused != 0 {
		t.Errorf("after: %+v", after)
	}
	r.restart()
	passes(falseAlarm, http.StatusOK)

	made := asked[[]haechi.Exception](r, "waf", "exceptions")
	if len(made) == 0 || made[0].Path != "/search" || made[0].Where != "ARGS:q" || made[0].Owner == "" || made[0].Reason != "a search" {
		t.Fatalf("exceptions %+v", made)
	}
	for _, e := range asked[[]haechi.AuditEntry](r, "audit") {
		if e.Action == "waf.except" {
			r.ok("audit", "undo", strconv.FormatUint(e.Seq, 10))
		}
	}
	passes(falseAlarm, http.StatusForbidden)
	if left := asked[[]haechi.Exception](r, "waf", "exceptions"); len(left) != 0 {
		t.Errorf("left %+v", left)
	}
}
