package scenario_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"haechi"
	"haechi/internal/operate/demo"
	"haechi/internal/show/api"
)

// promises are the changes that the gateway has acknowledged. What was asked for
// when it died may be done or not.
type promises struct {
	mu     sync.Mutex
	status map[string]haechi.DeviceStatus
	keys   map[string]string // device to key id
	open   map[haechi.Reference]bool
	unsure string // device or scope
	lifts  haechi.Reference
	made   uint64
}

// TestKillUnderLoad is Must show 5: after kill -9 in the middle of everything, a
// restart finds every acknowledged change, every decision, and the audit chain.
func TestKillUnderLoad(t *testing.T) {
	t.Parallel()
	r := run(t, settings{bots: "device: { hold: 1s }"})
	var all crowd
	for i := range 6 {
		p := r.phone(r.enrol("버팀봇", fmt.Sprint(i), demo.Shape(i%2)), 10+i, func(c *demo.PhoneConfig) {
			c.Rooms, c.Every = []string{"방", "다른 방"}, 20*time.Millisecond
		})
		p.lives()
		all = append(all, p)
	}
	kept := &promises{status: map[string]haechi.DeviceStatus{}, keys: map[string]string{}, open: map[haechi.Reference]bool{}}
	for round := range 3 {
		decided := r.disturbed(t, round, kept)
		opened := all.least(func(c demo.PhoneCounts) uint64 { return c.Opened })
		r.start()
		r.keeps(t, kept, decided)
		eventually(t, "every phone to be back", 20*time.Second, func() bool {
			return all.least(func(c demo.PhoneCounts) uint64 { return c.Opened }) > opened
		})
		before := all.least(replies)
		eventually(t, "every phone to converse", 10*time.Second, func() bool { return all.least(replies) > before })
	}
}

// disturbed makes load of every kind for a while: web requests, failing phones that
// are decided about, and operators who change things. It returns, while all goes
// on, the decisions of rules that had been in force for a moment.
func (r *rig) disturbed(t *testing.T, round int, kept *promises) []haechi.Decision {
	stop := make(chan struct{})
	var all sync.WaitGroup
	loop := func(do func(n int) bool) {
		all.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				if !do(n) {
					return
				}
			}
		})
	}
	v := r.visitor(t, 60+round)
	loop(func(int) bool {
		_, err := v.ask(http.MethodGet, "/", "")
		return err == nil
	})
	foe := demo.Identity{Bot: "버팀봇", Serial: "0", Secret: haechi.Secret("guess")}
	loop(func(n int) bool {
		p := r.phone(foe, 100+40*round+n/11)
		s, err := p.Connect(t.Context())
		if err != nil {
			return false
		}
		defer s.Close()
		_ = s.Handshake() // it may be shut out by now
		_, err = s.Until("error")
		return n < 40*11 && (err == nil || !r.proc.Over())
	})
	loop(func(n int) bool { return kept.change(t, r, round, n) })
	var decided []haechi.Decision
	eventually(t, "decisions under load", 20*time.Second, func() bool {
		decided = decided[:0]
		for _, d := range r.inForce() {
			if d.Origin == haechi.OriginRule {
				decided = append(decided, d)
			}
		}
		return len(decided) >= 2
	})
	at := kept.count()
	eventually(t, "changes under load", 20*time.Second, func() bool { return kept.count() > at+20 })
	t.Cleanup(all.Wait)
	r.proc.Kill()
	close(stop)
	all.Wait()
	return decided
}

func (k *promises) count() uint64 {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.made
}

// change makes one change and notes it once it is acknowledged.
func (k *promises) change(t *testing.T, r *rig, round, n int) bool {
	device := fmt.Sprintf("변경봇/%d-%d", round, n/4)
	scope := haechi.Scope{Kind: haechi.ScopeDevice, Value: device}
	k.mu.Lock()
	k.unsure = device
	k.mu.Unlock()
	var err error
	var done func()
	switch n % 4 {
	case 0:
		_, err = r.api.AddDevice(t.Context(), "bots", device)
		done = func() { k.status[device] = haechi.Pending }
	case 1:
		var key haechi.NewKey
		key, err = r.api.NewDeviceKey(t.Context(), device)
		done = func() { k.keys[device] = key.ID }
	case 2:
		to := []haechi.DeviceStatus{haechi.Approved, haechi.Blocked, haechi.Revoked, haechi.DeniedDevice}[n/4%4]
		_, err = r.api.SetDeviceStatus(t.Context(), device, to, "load")
		done = func() { k.status[device] = to }
	case 3:
		var d haechi.Decision
		d, err = r.api.AddDecision(t.Context(), api.DecisionRequest{Scope: scope, Action: haechi.Deny, Mode: haechi.Enforce, Reason: "load"})
		done = func() { k.open[d.ID] = true }
		if err == nil && n/4%2 == 1 {
			k.mu.Lock()
			k.open[d.ID], k.lifts = true, d.ID
			k.made++
			k.mu.Unlock()
			_, err = r.api.LiftDecision(t.Context(), d.ID, "load")
			done = func() { k.open[d.ID] = false }
		}
	}
	if err != nil {
		return false // it is dead
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	done()
	k.made++
	k.unsure = ""
	return true
}

// keeps wants what was promised to be there.
func (r *rig) keeps(t *testing.T, kept *promises, decided []haechi.Decision) {
	t.Helper()
	if n := asked[map[string]uint64](r, "audit", "verify")["entries"]; n < kept.made {
		t.Errorf("the chain has %d entries, %d changes were acknowledged", n, kept.made)
	}
	devices := map[string]haechi.Device{}
	for _, d := range asked[[]haechi.Device](r, "devices") {
		devices[d.Key] = d
	}
	if d, ok := devices[kept.unsure]; ok { // whichever it became is what must last from now on
		kept.status[d.Key] = d.Status
		if len(d.Keys) > 0 {
			kept.keys[d.Key] = d.Keys[0].ID
		}
	}
	for key, want := range kept.status {
		d, ok := devices[key]
		if key != kept.unsure && (!ok || d.Status != want) || !ok {
			t.Errorf("%s is %+v, %s was promised", key, d, want)
		}
		id, made := kept.keys[key]
		if made && (len(d.Keys) == 0 || d.Keys[0].ID != id) {
			t.Errorf("the key %s of %s is gone: %+v", id, key, d.Keys)
		}
	}
	inForce := map[haechi.Reference]haechi.Decision{}
	for _, d := range r.inForce() {
		inForce[d.ID] = d
	}
	for id, open := range kept.open {
		if d, ok := inForce[id]; ok != open && d.Scope.Value != kept.unsure && id != kept.lifts {
			t.Errorf("decision %s: in force %v, %v was promised", id, ok, open)
		} else {
			kept.open[id] = ok
		}
	}
	for _, d := range decided {
		if now, ok := inForce[d.ID]; !ok || !now.Until.Equal(d.Until) || now.Scope != d.Scope {
			t.Errorf("decision %+v became %+v", d, now)
		}
	}
	if len(kept.status) == 0 || len(kept.open) == 0 || len(decided) == 0 {
		t.Error("nothing was promised")
	}
}
