package scenario_test

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"haechi"
	"haechi/test/bridge"
)

// outageScale is how much faster than life the outage below runs. HAECHI_LONG=1 runs
// it as it is: 200 phones, five minutes.
func outageScale() int {
	if os.Getenv("HAECHI_LONG") != "" {
		return 1
	}
	return 30
}

// TestOutageOfTwoHundredScripts: after an outage of five minutes all of 200 phones
// are back, nobody is banned, and what they said last is answered.
func TestOutageOfTwoHundredScripts(t *testing.T) {
	r := run(t, settings{}) // not beside others: it is about times
	scale := outageScale()
	var all []*bridge.Phone
	for i := range 200 { // twenty behind each address
		all = append(all, r.script(fmt.Sprintf("d%03d", i), 10+i/20, func(c *bridge.Config) { c.Scale = scale }))
	}
	for i, p := range all { // a client may have ten connections that have not proved themselves
		if r.plays(p); i%10 == 9 {
			r.opens(p, 1)
		}
	}
	opened := func(n int) func() bool {
		return func() bool {
			for _, p := range all {
				if p.Counts().Opened < n {
					return false
				}
			}
			return true
		}
	}
	eventually(t, "200 phones to converse", 60*time.Second, opened(1))

	r.bots.stop()
	began := time.Now()
	outage := 5 * time.Minute / time.Duration(scale)
	eventually(t, "connections to be refused", 5*time.Second, func() bool { return errors.Is(r.dial(), syscall.ECONNREFUSED) })
	tick := time.NewTicker(max(outage/20, 100*time.Millisecond))
	defer tick.Stop()
	for n := 0; time.Since(began) < outage; n++ { // they go on talking: some queue few frames, some many
		<-tick.C
		for i, p := range all {
			if i%4 == n%4 || i%10 == 0 {
				p.Say("!time")
			}
		}
	}
	before := make([]int, len(all))
	for i, p := range all {
		before[i] = p.Counts().Connects
	}
	r.bots.start()
	back := time.Now()
	// The longest wait of a phone is a minute, and one with a long queue needs a second
	// connection: the gateway looks 5 s for a handshake in the first.
	eventually(t, "200 phones to be back", 2*time.Minute/time.Duration(scale)+30*time.Second, opened(2))
	t.Logf("an outage of %s; all are back %s after it", outage, time.Since(back).Round(10*time.Millisecond))

	again := 0
	for i, p := range all {
		if n := p.Counts().Connects - before[i]; n > 5 {
			t.Errorf("phone %d needed %d connections", i, n)
		} else if n > 1 {
			again++
		}
		p.Say("!echo 돌아왔어요")
	}
	t.Logf("%d of 200 needed more than one connection", again)
	for _, p := range all {
		r.hears(p, "돌아왔어요")
	}
	r.blameless()
	for _, e := range asked[[]haechi.Event](r, "events", "--failures", "--limit", "1000") {
		switch e.Reason {
		case haechi.ReasonUpstreamDown, haechi.ReasonUpstreamClosed, haechi.ReasonShutdown:
		case haechi.ReasonHandshake: // the queue was too long for it
		case haechi.ReasonConnectionLimit: // twenty behind one address come in the same moment, and ten at once may
		default:
			t.Errorf("a phone was refused: %+v", e)
		}
	}
}
