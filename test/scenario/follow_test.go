package scenario_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/operate/demo"
	"haechi/test/gateway"
)

// TestFollow: events come as they happen, one JSON object a line, and only those
// that were asked for.
func TestFollow(t *testing.T) {
	t.Parallel()
	r := run(t, settings{})
	id := r.enrol("생방송봇", "3434", demo.V333)
	all := program.Start(t, "events", "--follow", "--json", "--config", r.config())
	failures := program.Start(t, "events", "--follow", "--json", "--failures", "--config", r.config())
	stranger := r.visitor(t, 20)
	eventually(t, "the streams to begin", 10*time.Second, func() bool {
		stranger.get("/", "Host", "unknown.test")
		return lines(t, all) != nil && lines(t, failures) != nil
	})
	p := r.phone(id, 10)
	p.chats(p.connected(), "들려요?")
	began := time.Now()
	eventually(t, "the message to be shown", time.Second, func() bool {
		for _, e := range lines(t, all) {
			if e.Kind == haechi.KindMessage && e.Device == id.Key() && e.Room == "가족방" && e.Outcome == haechi.Success {
				return true
			}
		}
		return false
	})
	t.Logf("shown after %s", time.Since(began))
	if strings.Contains(all.Out.String(), "들려요") {
		t.Error("the message's text is shown")
	}
	for _, e := range lines(t, failures) {
		if e.Outcome != haechi.Failure && e.Verdict == haechi.Pass {
			t.Errorf("among the failures: %+v", e)
		}
	}
	all.Stop() // exit code 0
}

// lines are the events that a stream has shown so far.
func lines(t *testing.T, p *gateway.Process) (es []haechi.Event) {
	t.Helper()
	if p.Over() {
		t.Fatalf("the stream ended: %s", p.Errors())
	}
	out := p.Out.String()
	for line := range strings.Lines(out[:strings.LastIndexByte(out, '\n')+1]) {
		var e haechi.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		es = append(es, e)
	}
	return es
}
