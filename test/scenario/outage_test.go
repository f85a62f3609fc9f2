package scenario_test

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"haechi"
	"haechi/internal/operate/demo"
)

// TestUpstreamOutage: while the bot server is down clients see their connection
// refused, it reopens within a second of the recovery, and nobody is blamed for
// coming back, however often the server falls.
func TestUpstreamOutage(t *testing.T) {
	t.Parallel()
	r := run(t, settings{})
	var all crowd
	for i, serial := range []string{"a1", "a2", "a3"} {
		p := r.phone(r.enrol("정전봇", serial, demo.Shape(i%2)), 10+i)
		p.lives()
		all = append(all, p)
	}
	for round := range 12 { // more than the ten reconnects that a device may make
		eventually(t, "the phones to be back", 10*time.Second, func() bool {
			return all.least(func(c demo.PhoneCounts) uint64 { return c.Opened }) > uint64(round)
		})
		r.bots.stop()
		eventually(t, "connections to be refused", 5*time.Second, func() bool { return errors.Is(r.dial(), syscall.ECONNREFUSED) })
		if round == 0 {
			if s := asked[haechi.Status](r, "status"); s.Services[0].Open || s.Services[0].Healthy || len(s.Degraded) == 0 {
				t.Errorf("status does not say so: %+v", s)
			}
		}
		r.bots.start()
		began := time.Now()
		eventually(t, "the socket to open", time.Second, func() bool { return r.dial() == nil })
		t.Logf("it took %s to open again", time.Since(began))
	}
	if ds := r.inForce(); len(ds) != 0 {
		t.Errorf("somebody was blamed: %+v", ds)
	}
	es := asked[[]haechi.Event](r, "events", "--kind", "auth", "--limit", "1000")
	blamed := 0
	for _, e := range es {
		if !e.Provoked {
			blamed++
		}
	}
	if blamed > len(all) || len(es) < 12*len(all) {
		t.Errorf("%d of %d reconnects count against a device, want only the first %d", blamed, len(es), len(all))
	}
}

// dial connects to the bot service as a client that goes away again.
func (r *rig) dial() error {
	c, err := dialFrom(r.t.Context(), r.addr(99), r.botsAddr())
	if err != nil {
		return err
	}
	return c.Close()
}
