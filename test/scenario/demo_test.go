package scenario_test

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"haechi"
)

// TestDemo: the demo shows approvals, messages, refusals and decisions, ends by
// itself and leaves nothing behind.
func TestDemo(t *testing.T) {
	t.Parallel()
	if buildErr != nil {
		t.Fatal(buildErr)
	}
	temp := t.TempDir()
	p := program.In("env", "TMPDIR="+temp).Start(t, "demo", "--for", "40s") // so long that a busy machine shows all of it
	config := filepath.Join(temp, "haechi-demo-*", "haechi.yaml")
	var r *rig
	eventually(t, "the demo to be up", 10*time.Second, func() bool {
		at, err := filepath.Glob(config)
		must(t, err)
		if len(at) == 1 {
			r = &rig{t: t, dir: filepath.Dir(at[0]), proc: p}
		}
		return len(at) == 1 && r.cli("status").Code == 0
	})
	var kinds = map[haechi.Kind]bool{}
	refused := ""
	eventually(t, "the play to be seen", 15*time.Second, func() bool {
		for _, e := range asked[[]haechi.Event](r, "events", "--limit", "1000") {
			kinds[e.Kind] = true
			if e.Verdict >= haechi.Deny {
				refused = string(e.Ref)
			}
		}
		return kinds[haechi.KindMessage] && kinds[haechi.KindRequest] && kinds[haechi.KindAuth] && refused != "" &&
			len(asked[[]haechi.Decision](r, "decisions")) > 0
	})
	r.ok("why", refused)
	var open []string
	for _, s := range asked[haechi.Status](r, "status").Services {
		open = append(open, s.Listen...)
	}
	open = append(open, regexp.MustCompile(`https://([0-9.:]+)`).FindStringSubmatch(p.Out.String())[1])
	p.Wait(time.Minute)
	if left, err := os.ReadDir(temp); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	for _, address := range open {
		if c, err := net.DialTimeout("tcp", address, time.Second); err == nil {
			c.Close()
			t.Errorf("somebody still listens on %s", address)
		}
	}
}
