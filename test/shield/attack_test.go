package shield_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"haechi"
	"haechi/internal/brick/netnstest"
	"haechi/test/gateway"
)

// perSecond is how many SYNs a flood of a test has, longestFlood how long it lasts at most.
const (
	perSecond    = 3000
	longestFlood = 3 * time.Minute
)

// siege is a gateway in front of a server, and a link to floods and honest clients.
type siege struct{ *rig }

// newSiege starts it with stages that are taken, and that step down quickly. What the
// strangers' namespace does not send is what forged sources do not: resets.
func newSiege(t *testing.T) *siege {
	t.Helper()
	r := newRig(t, "{ kernel: nft }")
	text, err := os.ReadFile(r.config)
	if err != nil {
		t.Fatal(err)
	}
	with := strings.Replace(string(text), `upstream: "10.77.0.9:7001"`, `upstream: "10.77.0.1:7001", limits: { connections: 1000 }`, 1) + `
attack: { mode: enforce, calm: 10s }
rules:
  network/host-syn-flood: { parameters: { window: 10s, quiet: 5s } }
`
	if err := os.WriteFile(r.config, []byte(with), 0o600); err != nil {
		t.Fatal(err)
	}
	r.land.strangers.Run(t, "ip", "route", "add", "local", "10.79.0.0/16", "dev", "lo")
	r.land.strangers.Run(t, "nft", "add table ip quiet; add chain ip quiet out { type filter hook output priority 0; }; add rule ip quiet out tcp flags & (rst | ack) == rst drop")
	echo(t, r.land.guarded, "10.77.0.1:7001")
	r.start()
	s := &siege{r}
	s.eventually("the service is open", 10*time.Second, func() bool { return s.visit("10.79.200.1", time.Second) == nil })
	return s
}

// echo answers what it is sent.
func echo(t *testing.T, ns *netnstest.NS, addr string) {
	t.Helper()
	var l net.Listener
	if err := ns.Do(func() (err error) { l, err = net.Listen("tcp", addr); return err }); err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); serving.Wait() })
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			// The namespace may end before it has told of the end of a connection.
			over := context.AfterFunc(t.Context(), func() { _ = c.Close() })
			serving.Go(func() { _, _ = io.Copy(c, c); over(); _ = c.Close() })
		}
	})
}

// visit is an honest client: it connects, says something and is answered.
func (s *siege) visit(from string, within time.Duration) error {
	return s.land.strangers.Do(func() error {
		d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 0)), Timeout: within, Control: netnstest.AnySource}
		c, err := d.Dial("tcp", "10.77.0.1:7000")
		if err != nil {
			return err
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(within)); err != nil {
			return err
		}
		if _, err := c.Write([]byte("x")); err != nil {
			return err
		}
		_, err = io.ReadFull(c, make([]byte, 1))
		return err
	})
}

// status is what haechi attack status says.
func (s *siege) status() (out haechi.AttackStatus) {
	s.t.Helper()
	a := s.haechi("attack", "status", "--json")
	if err := json.Unmarshal([]byte(a.Out), &out); err != nil || a.Code != 0 {
		s.t.Fatalf("%v: %s%s", err, a.Out, a.Err)
	}
	return out
}

// flood sends SYNs, each as from what source says, until it is stopped, which says how
// many were sent.
func (s *siege) flood(source func() netip.Addr) (stop func() int) {
	to := netip.MustParseAddrPort("10.77.0.1:7000")
	return s.pour(func(f *netnstest.Forge) {
		_ = f.SYN(netip.AddrPortFrom(source(), uint16(1024+rand.N(60000))), to, rand.Uint32()) // a full queue of the link drops some
	})
}

// pour sends something again and again, until it is stopped, which says how often.
func (s *siege) pour(send func(f *netnstest.Forge)) (stop func() int) {
	s.t.Helper()
	f, err := s.land.strangers.NewForge()
	if err != nil {
		s.t.Fatal(err)
	}
	var over atomic.Bool
	var sent atomic.Int64
	var running sync.WaitGroup
	running.Go(func() {
		defer func() { _ = f.Close() }()
		for begin := time.Now(); !over.Load() && time.Since(begin) < longestFlood; {
			due := int64(time.Since(begin).Seconds() * perSecond)
			for ; sent.Load() < due; sent.Add(1) {
				send(f)
			}
			<-time.After(time.Millisecond)
		}
	})
	return sync.OnceValue(func() int {
		over.Store(true)
		running.Wait()
		return int(sent.Load())
	})
}

// nobodyBanned holds that no decision about anybody stands.
func (s *siege) nobodyBanned() {
	s.t.Helper()
	if a := s.haechi("decisions", "--all", "--json"); strings.Contains(a.Out, "haechi.scope") {
		s.t.Errorf("somebody was decided about: %s", a.Out)
	}
	if out := s.land.guarded.Run(s.t, "nft", "list", "table", "inet", "haechi"); strings.Contains(out, "deny4") {
		s.t.Errorf("somebody is dropped: %s", out)
	}
}

func cookiesSetting(t *testing.T, ns *netnstest.NS) string {
	return strings.TrimSpace(ns.Run(t, "cat", "/proc/sys/net/ipv4/tcp_syncookies"))
}

// TestAFloodOfForgedSourcesRaisesTheStage: must-show 4 in short. It is sensed and answered
// by itself; whoever is honest gets in all the while, old clients and new ones; nobody is
// banned; and it steps down by itself.
func TestAFloodOfForgedSourcesRaisesTheStage(t *testing.T) {
	t.Parallel()
	s := newSiege(t)
	before := cookiesSetting(t, s.land.guarded)
	if st := s.status(); st.Stage != haechi.StageWatch || len(st.Attacks) != 0 {
		t.Fatalf("at peace: %+v", st)
	}
	if err := s.visit("10.79.1.1", gateway.Patient(time.Second)); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	stop := s.flood(func() netip.Addr {
		return netip.AddrFrom4([4]byte{20, byte(rand.N(256)), byte(rand.N(256)), byte(rand.N(256))})
	})
	defer stop()
	s.eventually("the stage is cookies", 15*time.Second, func() bool { return s.status().Stage == haechi.StageCookies })
	t.Logf("the stage was cookies after %v", time.Since(began))
	s.eventually("the kernel follows", 5*time.Second, func() bool {
		return cookiesSetting(t, s.land.guarded) == "2" && strings.Contains(s.land.guarded.Run(t, "nft", "list", "tables"), "haechi_meters")
	})
	var worst time.Duration
	for i := range 40 {
		from := "10.79.1.1" // it came before
		if i%2 == 1 {
			from = fmt.Sprintf("10.79.2.%d", i) // it comes for the first time
		}
		at := time.Now()
		if err := s.visit(from, gateway.Patient(3*time.Second)); err != nil {
			t.Errorf("visit %d of %s: %v", i, from, err)
		}
		worst = max(worst, time.Since(at))
	}
	t.Logf("the slowest of 40 visits took %v", worst)
	st := s.status()
	for _, m := range st.Held {
		if !m.On {
			t.Errorf("%s is not in force: %s", m.Name, m.Note)
		}
	}
	if len(st.Held) != 4 || len(st.Attacks) == 0 {
		t.Errorf("%+v", st)
	}
	s.nobodyBanned()
	t.Logf("%d SYNs were sent", stop())
	over := time.Now()
	s.eventually("it is watch again", 90*time.Second, func() bool { <-time.After(200 * time.Millisecond); return s.status().Stage == haechi.StageWatch })
	t.Logf("it was watch again %v after the flood", time.Since(over))
	s.eventually("the kernel follows", 5*time.Second, func() bool {
		return cookiesSetting(t, s.land.guarded) == before && !strings.Contains(s.land.guarded.Run(t, "nft", "list", "tables"), "haechi_meters")
	})
	s.nobodyBanned()
	if a := s.haechi("audit", "--json"); strings.Count(a.Out, "attack.stage") < 3 {
		t.Errorf("the audit trail: %s", a.Out)
	}
}

// TestAFloodThatNamesCustomersCutsOffNone: the sources are a thousand customers, each with
// three SYNs a second and many at once; each of them gets in while it goes on.
func TestAFloodThatNamesCustomersCutsOffNone(t *testing.T) {
	t.Parallel()
	s := newSiege(t)
	customer := func(i int) string { return fmt.Sprintf("10.79.%d.%d", 10+i/250, 1+i%250) }
	for i := range 1000 {
		if err := s.visit(customer(i), gateway.Patient(3*time.Second)); err != nil {
			t.Fatalf("before: %s: %v", customer(i), err)
		}
	}
	stop := s.flood(func() netip.Addr { return netip.MustParseAddr(customer(rand.N(1000))) })
	defer stop()
	s.eventually("the stage is cookies", 15*time.Second, func() bool { return s.status().Stage == haechi.StageCookies })
	for i := range 1000 {
		if err := s.visit(customer(i), gateway.Patient(3*time.Second)); err != nil {
			t.Errorf("%s is cut off: %v", customer(i), err)
		}
	}
	if st := s.status(); st.Stage != haechi.StageCookies {
		t.Errorf("the stage: %+v", st)
	}
	t.Logf("%d SYNs were sent", stop())
	s.nobodyBanned()
}

// TestAnOperatorTakesAStage: by the command line, in both languages, and gives it back; the
// meters are repaired, and go with a gateway that stops.
func TestAnOperatorTakesAStage(t *testing.T) {
	t.Parallel()
	s := newSiege(t)
	if a := s.haechi("attack", "stage", "tighten", "--for", "1m", "--reason", "sale"); a.Code != 0 || !strings.Contains(a.Out, "Stage: tighten.") {
		t.Fatalf("%d: %s%s", a.Code, a.Out, a.Err)
	}
	s.eventually("the meters are there", 5*time.Second, func() bool {
		st := s.status()
		return len(st.Held) == 2 && st.Held[1].Name == "meters" && st.Held[1].On
	})
	s.land.guarded.Run(t, "nft", "delete", "table", "inet", "haechi_meters")
	s.eventually("they are repaired", 2*time.Second, func() bool { return strings.Contains(s.land.guarded.Run(t, "nft", "list", "tables"), "haechi_meters") })
	if a := s.haechi("attack", "status", "--lang", "ko"); !strings.Contains(a.Out, "단계: 제한 강화") || !strings.Contains(a.Out, "적용 중") {
		t.Errorf("%s", a.Out)
	}
	if a := s.haechi("status"); !strings.Contains(a.Out, "Stage: tighten.") {
		t.Errorf("%s", a.Out)
	}
	for _, wrong := range [][]string{{"attack", "stage", "panic"}, {"attack", "stage"}, {"attack", "stage", "known", "--for", "-1s"}} {
		if a := s.haechi(wrong...); a.Code != 2 {
			t.Errorf("%v: %d", wrong, a.Code)
		}
	}
	if a := s.haechi("attack", "stage", "closed", "--for", "48h"); a.Code != 1 || !strings.Contains(a.Err, "24 hours") {
		t.Errorf("%d: %s", a.Code, a.Err)
	}
	if a := s.haechi("attack", "stage", "closed", "--for", "1m"); a.Code != 0 {
		t.Fatal(a.Err)
	}
	s.eventually("nobody gets in", 3*time.Second, func() bool { return s.visit("10.79.5.5", time.Second) != nil })
	s.eventually("why says so", 5*time.Second, func() bool { return strings.Contains(s.haechi("why", "10.79.5.5").Out, "limit/attack-closed") })
	if a := s.haechi("attack", "release", "--reason", "enough"); a.Code != 0 {
		t.Fatal(a.Err)
	}
	s.eventually("they get in again", 3*time.Second, func() bool { return s.visit("10.79.5.5", time.Second) == nil })
	if a := s.haechi("attack", "stage", "cookies", "--for", "1m"); a.Code != 0 {
		t.Fatal(a.Err)
	}
	s.eventually("cookies are always sent", 3*time.Second, func() bool { return cookiesSetting(t, s.land.guarded) == "2" })
	s.proc.Stop()
	if now := cookiesSetting(t, s.land.guarded); now == "2" || strings.Contains(s.land.guarded.Run(t, "nft", "list", "tables"), "haechi_meters") {
		t.Errorf("a gateway that stopped leaves its stage: cookies %s", now)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(s.config), "state", "syncookies.before")); err == nil {
		t.Error("what it noted is left")
	}
}

// TestAStageOfConfinedProcesses: meters and cookies are put into force by a shield, for a
// gateway without any right, or by a gateway of root's, each as it is released and confined;
// and both come back with the stage.
func TestAStageOfConfinedProcesses(t *testing.T) {
	t.Parallel()
	for name, setting := range map[string]string{"two": "{ kernel: nft, socket: DIR/run/shield.sock }", "one": "{ kernel: nft }"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, setting)
			if name == "two" {
				r.whole()
				r.run(powerless(t, r))
			} else {
				r.run(r.released())
			}
			s := &siege{r}
			before := cookiesSetting(t, s.land.guarded)
			if a := s.haechi("attack", "stage", "cookies", "--for", "1m"); a.Code != 0 {
				t.Fatal(a.Err)
			}
			s.eventually("all of it is in force", 5*time.Second, func() bool {
				on := 0
				for _, m := range s.status().Held {
					if m.On {
						on++
					}
				}
				return on == 4 && cookiesSetting(t, s.land.guarded) == "2"
			})
			if a := s.haechi("status"); strings.Contains(a.Out, "not confined") {
				t.Errorf("status: %s", a.Out)
			}
			if a := s.haechi("attack", "release"); a.Code != 0 {
				t.Fatal(a.Err)
			}
			s.eventually("it is as before", 5*time.Second, func() bool {
				return cookiesSetting(t, s.land.guarded) == before && !strings.Contains(s.land.guarded.Run(t, "nft", "list", "tables"), "haechi_meters")
			})
		})
	}
}
