package tcpgate

import (
	"maps"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"

	"haechi"
	"haechi/internal/ingress"
)

const bufferSize = 16 << 10

// Gate guards one service. It is safe for concurrent use.
type Gate struct {
	cfg     Config
	deps    Deps
	routes  routes
	buffers sync.Pool // *[bufferSize]byte
	conns   sync.WaitGroup
	counts  counts

	mu   sync.Mutex
	live map[*session]struct{}
	over bool // Shutdown was called
}

// counts are what the gate counts since it was made, and what is now.
type counts struct {
	live, parked, hellos              atomic.Int64
	hello, name, overload, denied     atomic.Uint64
	delayed, rate, slow, idle, unread atomic.Uint64
	upstream, spliced, copied         atomic.Uint64
}

// New makes a gate. An error is of kind Invalid.
func New(cfg Config, deps Deps) (*Gate, error) {
	cfg = cfg.withDefaults()
	if cfg.Service == "" || cfg.Upstream == "" && len(cfg.Names) == 0 || cfg.SendProxy < 0 || cfg.SendProxy > 2 {
		return nil, &haechi.Error{Kind: haechi.Invalid, Op: "build TCP gate " + cfg.Service,
			Msg: "a name, an upstream and a version of the PROXY header of at most 2 are needed"}
	}
	g := &Gate{cfg: cfg, deps: deps.withDefaults(), routes: newRoutes(&cfg), live: make(map[*session]struct{})}
	g.buffers.New = func() any { return new([bufferSize]byte) }
	return g, nil
}

// Serve guards one connection until it ends, or until it is parked: then it goes on by
// itself. It closes the connection in the end.
func (g *Gate) Serve(c *ingress.Conn) {
	g.conns.Add(1)
	s := g.open(c)
	if !s.guarded(s.begin) {
		s.leave()
		return
	}
	s.resume()
}

// Shutdown ends every connection, and those that are served from now on. It does not
// wait.
func (g *Gate) Shutdown() {
	g.mu.Lock()
	g.over = true
	all := slices.Collect(maps.Keys(g.live))
	g.mu.Unlock()
	for _, s := range all {
		s.finish(shutdown())
	}
}

// Wait returns once every connection of the gate has ended. Call it when no more are
// served.
func (g *Gate) Wait() { g.conns.Wait() }

// Review asks about every live connection again, because lists have changed, and cuts
// those that are refused by now. allowed is the allow list of now.
func (g *Gate) Review(judge ingress.Inspector, allowed func(netip.Addr) bool) {
	g.mu.Lock()
	all := slices.Collect(maps.Keys(g.live))
	g.mu.Unlock()
	for _, s := range all {
		if !s.settled() {
			continue // it will be asked about
		}
		a := s.conn.Actor // its own, for the session goes on with the other
		if a.Allowed = allowed(a.Addr); a.Allowed != s.conn.Actor.Allowed {
			g.deps.Sessions.Identify(s.id, a) // or a decision would still cut it, or not
		}
		if a.Allowed {
			continue
		}
		r := haechi.Request{Kind: haechi.KindConnect, Service: g.cfg.Service, Actor: &a, Host: s.name, Size: -1}
		if v := judge.Inspect(&r, g.deps.Now()); v.Refuses() {
			s.refuse(haechi.KindFlow, fromVerdict(v), &g.counts.denied)
		}
	}
}

// Live is the number of open connections.
func (g *Gate) Live() int { return int(g.counts.live.Load()) }

// Stats are the gate's counters: what bounds refused, and how the rest went.
func (g *Gate) Stats() []haechi.Counter {
	p, c := "tcp/"+g.cfg.Service+"/", &g.counts
	return []haechi.Counter{
		{Name: p + "live", Value: uint64(max(c.live.Load(), 0))},
		{Name: p + "parked", Value: uint64(max(c.parked.Load(), 0))},
		{Name: p + "hello_refused", Value: c.hello.Load()},
		{Name: p + "name_refused", Value: c.name.Load()},
		{Name: p + "overload_refused", Value: c.overload.Load()},
		{Name: p + "verdict_refused", Value: c.denied.Load()},
		{Name: p + "delayed", Value: c.delayed.Load()},
		{Name: p + "rate_refused", Value: c.rate.Load()},
		{Name: p + "slow_cut", Value: c.slow.Load()},
		{Name: p + "idle_cut", Value: c.idle.Load()},
		{Name: p + "unread_cut", Value: c.unread.Load()},
		{Name: p + "upstream_failed", Value: c.upstream.Load()},
		{Name: p + "moves_spliced", Value: c.spliced.Load()},
		{Name: p + "moves_copied", Value: c.copied.Load()},
	}
}
