package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"haechi"
	"haechi/internal/config"
	"haechi/internal/operate/replay"
	"haechi/internal/sensor"
	"haechi/internal/sensor/decode"
	"haechi/internal/sensor/netflow"
)

// exports are the flows that routers count, or packets that switches sample, and send by
// UDP, on one goroutine. What is
// found goes to the decider. Where the socket cannot be opened that is said, and tried
// again: telemetry fails open.
type exports struct {
	intake
	name   string // netflow or sflow: of the key below sensor, and the counters
	listen string
	reader *netflow.Reader
	socket *net.UDPConn // nil: not open
	read   uint64       // datagrams when the counters were brought up to date

	mu    sync.Mutex
	stats netflow.Stats
	heard time.Time // when the last datagram of an exporter came, or the start
	why   error     // the socket is not open
	bound string
}

// The times of reading what is exported, and the socket's buffer: routers send in bursts.
// An exporter with any traffic at all sends more often than quietExports.
const (
	waitExports   = 250 * time.Millisecond
	quietExports  = 15 * time.Minute
	exportsBuffer = 4 << 20
	mostDatagram  = 65_535
)

// newExports returns nil where no address is named.
func newExports(name string, s *config.NetFlow, cfg *config.Config, e *estate) *exports {
	if s.Listen == "" {
		return nil
	}
	x := &exports{name: name, listen: s.Listen, heard: e.now(),
		intake: intake{now: e.now, log: e.log, runner: replay.NewRunner(nil, e.pipeline.Find), fence: fence{log: e.log, of: "a datagram of flows"}}}
	x.reader = netflow.New(netflow.Config{Sensor: name, Exporters: s.Exporters, V6Bits: cfg.Client.IPv6Prefix, Decode: sampledFrames()}, x.runner.Event)
	return x
}

// sampledFrames reads the beginnings of packets, for one goroutine.
func sampledFrames() func(link uint32, frame []byte, p *sensor.Packet) bool {
	decoders := map[uint32]*decode.Decoder{}
	return func(link uint32, frame []byte, p *sensor.Packet) bool {
		d := decoders[link]
		if d == nil {
			d = decode.New(link) // of three that it knows
			decoders[link] = d
		}
		return d.Frame(frame, p) == decode.Decoded
	}
}

// swap takes the detectors of the next world.
func (x *exports) swap(s func() screened) {
	if x != nil {
		next := s()
		x.next.Store(&next)
	}
}

// run reads until ctx ends.
func (x *exports) run(ctx context.Context) error {
	if x == nil {
		return nil
	}
	defer x.close()
	b := make([]byte, mostDatagram)
	for ctx.Err() == nil {
		x.renew()
		if x.open(ctx) {
			x.drain(b)
		}
		x.fence.within(func() {
			now := x.now()
			x.reader.Pass(now)
			x.runner.Pass(now)
		})
		x.count()
	}
	x.fence.within(func() {
		x.reader.End(x.now())
		x.runner.End()
	})
	return nil
}

// open opens the socket if it is not; false: it waited for that in vain.
func (x *exports) open(ctx context.Context) bool {
	return x.ready(ctx, func() bool { return x.socket != nil }, func() { x.opened(listenUDP(ctx, x.listen)) })
}

func listenUDP(ctx context.Context, addr string) (*net.UDPConn, error) {
	c, err := (&net.ListenConfig{}).ListenPacket(ctx, "udp", addr)
	if err != nil {
		return nil, err
	}
	u, ok := c.(*net.UDPConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("%s is no address of UDP", addr), c.Close())
	}
	if err := u.SetReadBuffer(exportsBuffer); err != nil {
		return nil, errors.Join(err, u.Close())
	}
	return u, nil
}

func (x *exports) opened(c *net.UDPConn, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if err != nil && x.why == nil {
		x.log.Error("what routers and switches send is not read; it is tried again", "sensor", x.name, "listen", x.listen, "err", err)
	}
	if x.socket, x.why = c, err; c != nil {
		x.bound = c.LocalAddr().String()
		x.log.Info("the sensor reads what routers and switches send", "sensor", x.name, "listen", x.bound)
	}
}

// drain reads what comes within a moment.
func (x *exports) drain(b []byte) {
	err := x.socket.SetReadDeadline(time.Now().Add(waitExports)) // the kernel's clock, not that of events
	for range atOnce {
		if err != nil {
			break
		}
		n, from, failed := x.socket.ReadFromUDPAddrPort(b)
		if err = failed; err == nil {
			x.fence.within(func() { x.reader.Datagram(from.Addr(), b[:n], x.now()) })
		}
	}
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		x.close()
		x.opened(nil, err)
	}
}

func (x *exports) close() {
	if x.socket == nil {
		return
	}
	if err := x.socket.Close(); err != nil {
		x.log.Warn("the socket for flows was not closed", "err", err)
	}
	x.socket = nil
}

// count brings the counters up to date, which others read.
func (x *exports) count() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.stats = x.reader.Stats(); x.stats.Datagrams != x.read {
		x.read, x.heard = x.stats.Datagrams, x.now()
	}
}

func (x *exports) counters() []haechi.Counter {
	if x == nil {
		return nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	s := x.stats
	out := []haechi.Counter{
		{Name: "exporters", Value: uint64(s.Exporters)}, {Name: "datagrams", Value: s.Datagrams}, {Name: "records", Value: s.Records}, {Name: "samples", Value: s.Samples},
		{Name: "flows", Value: s.Told}, {Name: "strangers", Value: s.Strangers}, {Name: "broken", Value: s.Broken}, {Name: "without_template", Value: s.Unknown},
		{Name: "refused", Value: s.Refused}, {Name: "unfit", Value: s.Unfit}, {Name: "lost", Value: s.Lost}, {Name: "early", Value: s.Early},
	}
	for i := range out {
		out[i].Name = x.name + "_" + out[i].Name
	}
	return out
}

// degraded says why no flows come.
func (x *exports) degraded() []string {
	if x == nil {
		return nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	switch silent := x.now().Sub(x.heard); {
	case x.why != nil:
		return []string{fmt.Sprintf("what routers and switches send is not read: %v (correct sensor.%s.listen)", x.why, x.name)}
	case silent > quietExports:
		hint := "let one send to " + x.bound
		if x.stats.Strangers > 0 {
			hint = "datagrams came from others: name them in sensor." + x.name + ".exporters if they are yours"
		}
		return []string{fmt.Sprintf("nothing was heard by sensor.%s for %s (%s)", x.name, strings.TrimSuffix(silent.Truncate(time.Minute).String(), "0s"), hint)}
	}
	return nil
}
