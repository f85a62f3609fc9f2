package devicegate_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"haechi"
	"haechi/internal/ingress"
	"haechi/internal/ingress/devicegate"
)

// over runs f with a device and an upstream that are pipes, on a clock of its own.
// Pipes also take the way of connections that are not plain TCP.
func over(t *testing.T, deps devicegate.Deps, f func(w *world, p *phone, dev, up net.Conn)) {
	synctest.Test(t, func(t *testing.T) {
		<-time.After(time.Until(start)) // a bubble begins when timestamps had 12 digits
		w, p := newWorld(), newPhone()
		dev, inner := net.Pipe()
		back, up := net.Pipe()
		deps.Dial = func(context.Context) (net.Conn, error) { return back, nil }
		g := w.gate(t, devicegate.Config{}, deps)
		done := make(chan struct{})
		go func() {
			g.Serve(ingress.NewConn(inner, actor("192.0.2.7"), 1, 2, func() {}))
			close(done)
		}()
		f(w, p, dev, up)
		g.Shutdown()
		_, _ = dev.Close(), up.Close()
		<-done
	})
}

func TestDeviceThatDoesNotReadIsCut(t *testing.T) {
	over(t, devicegate.Deps{}, func(w *world, p *phone, dev, up net.Conn) {
		r := bufio.NewReader(dev)
		fmt.Fprint(dev, p.hello33())
		if l, err := r.ReadString('\n'); err != nil || !strings.Contains(l, "ping") {
			t.Fatal(l, err)
		}
		fmt.Fprint(dev, p.pong())
		if l, err := bufio.NewReader(up).ReadString('\n'); err != nil || !strings.Contains(l, "handshake") {
			t.Fatal(l, err)
		}
		begun := time.Now()
		_, _ = up.Write([]byte("something\n")) // nobody reads it
		synctest.Wait()
		for _, err := up.Write([]byte("x\n")); err == nil; _, err = up.Write([]byte("x\n")) {
			synctest.Wait()
		}
		if e := w.await(haechi.KindClose, 1)[0]; e.Reason != haechi.ReasonBackpressure || time.Since(begun) != 30*time.Second {
			t.Errorf("%s after %v", e.Reason, time.Since(begun))
		}
	})
}

func TestSilenceAndHoldOnTheClock(t *testing.T) {
	for name, tt := range map[string]struct {
		say    func(p *phone) string
		status haechi.DeviceStatus
		after  time.Duration
		reason haechi.Reason
	}{
		"no handshake": {func(*phone) string { return "" }, haechi.Approved, 10 * time.Second, haechi.ReasonHandshake},
		"no proof":     {(*phone).hello33, haechi.Approved, 10 * time.Second, haechi.ReasonLiveness},
		"pending":      {(*phone).hello33, haechi.Pending, 60 * time.Second, haechi.ReasonPending},
	} {
		t.Run(name, func(t *testing.T) {
			over(t, devicegate.Deps{}, func(w *world, p *phone, dev, _ net.Conn) {
				w.set(device, tt.status)
				begun := time.Now()
				go func() { fmt.Fprint(dev, tt.say(p)) }()
				told, _ := io.ReadAll(dev)
				if d := time.Since(begun); d != tt.after {
					t.Errorf("took %v, want %v", d, tt.after)
				}
				e := w.await(haechi.KindClose, 1)[0]
				if e.Reason != tt.reason || !strings.Contains(string(told), string(e.Ref)) || e.Ref == "" {
					t.Errorf("close %s %s, told %q", e.Reason, e.Ref, told)
				}
			})
		})
	}
}

func TestPauseEndsWithTheSession(t *testing.T) {
	over(t, devicegate.Deps{}, func(w *world, p *phone, dev, up net.Conn) {
		go func() { _, _ = io.Copy(io.Discard, dev) }()
		go func() { _, _ = io.Copy(io.Discard, up) }()
		fmt.Fprint(dev, p.hello33()+p.pong())
		synctest.Wait()
		w.judge = func(*haechi.Request) haechi.Verdict {
			return haechi.Verdict{Action: haechi.Throttle, Reason: haechi.ReasonDecision, Delay: 4 * time.Second}
		}
		begun := time.Now()
		fmt.Fprint(dev, p.message("r", ""))
		synctest.Wait()
		if n := len(w.find(haechi.KindMessage)); n != 0 {
			t.Errorf("%d frames went through at once", n)
		}
		<-time.After(time.Second)
		_ = up.Close()
		e := w.await(haechi.KindClose, 1)[0]
		if e.Reason != haechi.ReasonUpstreamClosed || time.Since(begun) != time.Second {
			t.Errorf("%s after %v", e.Reason, time.Since(begun))
		}
	})
}
