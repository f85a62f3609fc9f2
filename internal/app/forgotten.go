package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"haechi"
	"haechi/internal/config"
	"haechi/internal/operate/replay"
	"haechi/internal/sensor/conntrack"
)

// forgotten are the connections that this machine's kernel forgets, as flows, on one
// goroutine. What is found goes to the decider. Where the table cannot be read that is
// said, and tried again: telemetry fails open.
type forgotten struct {
	intake
	open   func(ctx context.Context) (*os.File, error)
	reader *conntrack.Reader
	socket *os.File // nil: not open

	mu    sync.Mutex
	stats conntrack.Stats
	lost  uint64    // times that the kernel had to drop messages
	heard time.Time // when the last flow was told, or the start
	why   error     // the socket is not open
}

// quietTable is for how long nothing may be told before that is strange: the kernel keeps
// the table only where a rule of the packet filter asks for it.
const quietTable = 15 * time.Minute

// forgottenBuffer holds one message of the kernel, in bytes.
const forgottenBuffer = 64 << 10

// newForgotten returns nil where the table is not to be read.
func newForgotten(cfg *config.Config, e *estate) *forgotten {
	if !cfg.Sensor.Conntrack {
		return nil
	}
	x := &forgotten{open: e.openTable, heard: e.now(),
		intake: intake{now: e.now, log: e.log, runner: replay.NewRunner(nil, e.pipeline.Find), fence: fence{log: e.log, of: "a connection of the kernel's table"}}}
	x.reader = conntrack.New(conntrack.Config{V6Bits: cfg.Client.IPv6Prefix}, x.runner.Event)
	return x
}

// openTable opens the socket, or lets the shield do it.
func (e *estate) openTable(ctx context.Context) (*os.File, error) {
	f, err := conntrack.OpenSocket()
	if err == nil || haechi.KindOf(err) != haechi.Denied || e.cfg.Shield.Socket == "" {
		return f, err
	}
	return e.dialShield(e.cfg.Shield.Socket).Connections(ctx)
}

// swap takes the detectors of the next world.
func (x *forgotten) swap(s func() screened) {
	if x != nil {
		next := s()
		x.next.Store(&next)
	}
}

// run reads until ctx ends.
func (x *forgotten) run(ctx context.Context) error {
	if x == nil {
		return nil
	}
	defer x.close()
	b := make([]byte, forgottenBuffer)
	for ctx.Err() == nil {
		x.renew()
		if x.opened(ctx) {
			x.drain(b)
		}
		x.fence.within(func() { x.runner.Pass(x.now()) })
		x.count()
	}
	x.fence.within(x.runner.End)
	return nil
}

// opened opens the socket if it is not; false: it waited for that in vain.
func (x *forgotten) opened(ctx context.Context) bool {
	return x.ready(ctx, func() bool { return x.socket != nil }, func() { x.take(x.open(ctx)) })
}

func (x *forgotten) take(f *os.File, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err != nil && x.why == nil {
		x.log.Error("the connection table is not read; it is tried again", "err", err)
	}
	if x.socket, x.why = f, err; f != nil {
		x.log.Info("the sensor reads the connection table")
	}
}

// drain reads what comes within a moment.
func (x *forgotten) drain(b []byte) {
	err := x.socket.SetReadDeadline(time.Now().Add(waitExports)) // the kernel's clock, not that of events
	for range atOnce {
		if err != nil {
			break
		}
		n, lost, failed := conntrack.Receive(x.socket, b)
		if err = failed; lost {
			x.missed()
		}
		if n > 0 {
			x.fence.within(func() { x.reader.Messages(b[:n], x.now()) })
		}
	}
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		x.close()
		x.take(nil, err)
	}
}

func (x *forgotten) missed() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.lost++
}

func (x *forgotten) close() {
	if x.socket == nil {
		return
	}
	if err := x.socket.Close(); err != nil {
		x.log.Warn("the socket for the connection table was not closed", "err", err)
	}
	x.socket = nil
}

// count brings the counters up to date, which others read.
func (x *forgotten) count() {
	x.mu.Lock()
	defer x.mu.Unlock()
	s := x.reader.Stats()
	if s.Told != x.stats.Told {
		x.heard = x.now()
	}
	x.stats = s
}

func (x *forgotten) counters() []haechi.Counter {
	if x == nil {
		return nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	s := x.stats
	return []haechi.Counter{{Name: "conntrack_flows", Value: s.Told}, {Name: "conntrack_local", Value: s.Local}, {Name: "conntrack_uncounted", Value: s.Uncounted},
		{Name: "conntrack_broken", Value: s.Broken}, {Name: "conntrack_lost", Value: x.lost}}
}

// degraded says why no flows come, or why they come without amounts.
func (x *forgotten) degraded() []string {
	if x == nil {
		return nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	switch silent := x.now().Sub(x.heard); {
	case x.why != nil:
		return []string{fmt.Sprintf("the connection table is not read: %v", x.why)}
	case silent > quietTable:
		return []string{fmt.Sprintf("the kernel forgot no connection for %s (it keeps them only where a firewall rule asks for their state, for example ct state established accept)",
			strings.TrimSuffix(silent.Truncate(time.Minute).String(), "0s"))}
	case x.stats.Uncounted > x.stats.Told/2:
		return []string{"the connection table has no amounts, so that uploads are not seen (sysctl -w net.netfilter.nf_conntrack_acct=1 net.netfilter.nf_conntrack_timestamp=1)"}
	}
	return nil
}
