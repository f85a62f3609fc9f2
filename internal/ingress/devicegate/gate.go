package devicegate

import (
	"context"
	"hash/maphash"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"haechi"
	"haechi/internal/brick/conncap"
	"haechi/internal/brick/parking"
	"haechi/internal/brick/strictjson"
	"haechi/internal/ingress"
)

// Config bounds a gate. Zero fields mean the defaults; negative durations of Hold
// switch holding off.
type Config struct {
	Service string
	Profile *haechi.Profile // needed
	// Binding says whether devices sign the whole frame, Exempt are events that need
	// no signature beyond those of the profile.
	Binding haechi.Binding
	Exempt  []string
	// Pin says to what devices are bound beyond their keys, where the profile names a
	// signed identity.
	Pin haechi.PinMode
	// LineIn bounds a line from the device, LineOut one from the upstream, both
	// in bytes with the line end; 1 MiB and 32 MiB.
	LineIn  int
	LineOut int64
	// HandshakeTimeout (10 s) and ProofTimeout (10 s) bound the wait for the
	// handshake and for the signed answer.
	HandshakeTimeout, ProofTimeout time.Duration
	// EarlyLines (50), EarlyBytes (1 MiB) and EarlyWait (5 s from the first of
	// them to the handshake) bound what comes before the proof.
	EarlyLines, EarlyBytes int
	EarlyWait              time.Duration
	// Unproved bounds the memory of all connections without proof together, in
	// bytes; 64 MiB. A half more is for those that hold at most 8 KiB each, so that
	// a few that hold much do not shut the others out.
	Unproved int64
	// Idle (600 s) is the longest silence of a device; WriteTimeout (30 s) the
	// longest that either side may take to accept a write.
	Idle, WriteTimeout time.Duration
	DialTimeout        time.Duration // 5 s
	// Hold (60 s) is how long a refused device is kept waiting, MaxHeld (1,024)
	// how many at once, HeldPerClient (64) how many of one client; beyond that they
	// are closed.
	Hold                   time.Duration
	MaxHeld, HeldPerClient int
	// MaxPause (5 s) bounds the time that a limit or a decision may delay a frame.
	MaxPause time.Duration
	// MaxRefused (10) is how many frames in a row a limit may refuse before the
	// connection is cut.
	MaxRefused int
}

func (c Config) withDefaults() Config {
	or := func(p *time.Duration, d time.Duration) {
		if *p == 0 {
			*p = d
		}
	}
	num := func(p *int, d int) {
		if *p == 0 {
			*p = d
		}
	}
	or(&c.HandshakeTimeout, 10*time.Second)
	or(&c.ProofTimeout, 10*time.Second)
	or(&c.EarlyWait, 5*time.Second)
	or(&c.Idle, 600*time.Second)
	or(&c.WriteTimeout, 30*time.Second)
	or(&c.DialTimeout, 5*time.Second)
	or(&c.Hold, time.Minute)
	or(&c.MaxPause, 5*time.Second)
	num(&c.LineIn, 1<<20)
	num(&c.EarlyLines, 50)
	num(&c.EarlyBytes, 1<<20)
	num(&c.MaxHeld, 1024)
	num(&c.HeldPerClient, 64)
	num(&c.MaxRefused, 10)
	if c.LineOut == 0 {
		c.LineOut = 32 << 20
	}
	if c.Unproved == 0 {
		c.Unproved = 64 << 20
	}
	return c
}

// Registry knows the devices.
type Registry interface {
	// Lookup finds a device in memory.
	Lookup(key string) (haechi.Device, bool)
	// Register adds an unknown device as pending. An error of kind Exhausted
	// means that no more pending ones are taken.
	Register(d haechi.Device, now time.Time) (haechi.Device, error)
	// Seen notes that a proved device was heard, and whether it answered a ping.
	// It must be cheap.
	Seen(key string, addr netip.Addr, version string, now time.Time, ping bool)
	// Pin binds an approved device to the identity that it signed, if it is bound to
	// none, and reports whether it is the one that it is bound to.
	Pin(key, id string, now time.Time) bool
}

// Prover judges what a device offers as proof. It must not keep the claim.
type Prover interface {
	Prove(c *haechi.Claim, now time.Time) haechi.Proof
}

// Sessions are the live sessions, as [ingress.Sessions] but for how one is cut: a function
// that does it would be a small piece of memory for each, among what is soon garbage.
type Sessions interface {
	Enter(service string, a haechi.Actor, s interface{ Cut(haechi.Verdict) }) (id uint64)
	Identify(id uint64, a haechi.Actor)
	Close(id uint64)
}

// Deps is what a gate asks of the rest of the house. Registry, Prover, Sink and
// Dial are needed; the others may be nil.
type Deps struct {
	Registry  Registry
	Prover    Prover
	Enroller  Enroller // nil: there are no enrolment codes
	Inspector ingress.Inspector
	Sink      ingress.Sink
	Sessions  Sessions
	// Winners is shared by all gates, also across a reload.
	Winners *Winners
	// Dial connects to the upstream.
	Dial func(ctx context.Context) (net.Conn, error)
	// Idle parks plain TCP connections that have nothing to do, and Blocked those whose
	// peer does not read what there is to write; both or neither. Without them every
	// connection keeps its goroutines.
	Idle, Blocked *parking.Lot
	// Suspect is told that the upstream failed a session, so that its health is
	// checked at once. It must not block.
	Suspect func()
	// Certificates know those of devices that came over TLS, which it must ask for; nil:
	// nobody asks.
	Certificates ingress.Certificates
	// Now is the clock, default time.Now.
	Now func() time.Time
	Log *slog.Logger // nil: no log
}

// Gate guards one device service. It may be used by any number of goroutines.
type Gate struct {
	cfg    Config
	deps   Deps
	layout *layout

	works, buffers sync.Pool
	seed           maphash.Seed

	talks sync.Pool // *talk, each with a machine
	born  time.Time
	crowd crowd

	doorsMu sync.Mutex
	doors   []*door

	holders *conncap.Cap // of held connections, by client

	held, unproved, blocked                 atomic.Int64
	duplicates, swallowed, dropped          atomic.Uint64
	regreeted, oversize                     atomic.Uint64
	heldRefused, unprovedRefused, earlyFull atomic.Uint64
	numbers                                 atomic.Uint64 // of sessions, where no registry gives them
}

// New builds a gate. An error means that the profile is not usable.
func New(cfg Config, deps Deps) (*Gate, error) {
	cfg = cfg.withDefaults()
	l, err := compile(&cfg)
	if err != nil {
		return nil, &haechi.Error{Kind: haechi.Invalid, Op: "build device gate " + cfg.Service, Err: err,
			Hint: "correct the profile"}
	}
	if deps.Blocked == nil {
		deps.Idle = nil
	}
	if deps.Winners == nil {
		deps.Winners = NewWinners()
	}
	if deps.Suspect == nil {
		deps.Suspect = func() {}
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	if deps.Log == nil {
		deps.Log = slog.New(slog.DiscardHandler)
	}
	g := &Gate{cfg: cfg, deps: deps, layout: l, born: deps.Now(), seed: maphash.MakeSeed(), holders: conncap.New(cfg.HeldPerClient, cfg.MaxHeld)}
	g.crowd.empty.L = &g.crowd.mu
	g.talks.New = func() any { return &talk{m: new(Machine)} }
	g.works.New = func() any { return &Work{scan: strictjson.New(l.paths, strictjson.Limits{}), hasher: newHasher()} }
	g.buffers.New = func() any { b := make([]byte, bufferSize); return &b }
	return g, nil
}

// mark stands for what an answer has to return: eight bytes in place of a text, for as
// long as the connection lasts. The seed is secret, so nobody can find another text that
// has the same, and whoever guesses is closed.
func (g *Gate) mark(text []byte) uint64 { return maphash.Bytes(g.seed, text) }

// Live is the number of open connections.
func (g *Gate) Live() int { return g.crowd.size() }

// Stats are the gate's counters: what bounds refused, and what was dropped.
func (g *Gate) Stats() []haechi.Counter {
	p := "device/" + g.cfg.Service + "/"
	return []haechi.Counter{
		{Name: p + "live", Value: uint64(g.Live())},
		{Name: p + "held", Value: uint64(max(g.held.Load(), 0))},
		{Name: p + "held_refused", Value: g.heldRefused.Load()},
		{Name: p + "unproved_refused", Value: g.unprovedRefused.Load()},
		{Name: p + "early_overflow", Value: g.earlyFull.Load()},
		{Name: p + "duplicates", Value: g.duplicates.Load()},
		{Name: p + "answers_swallowed", Value: g.swallowed.Load()},
		{Name: p + "handshakes_repeated", Value: g.regreeted.Load()},
		{Name: p + "frames_oversize", Value: g.oversize.Load()},
		{Name: p + "notices_dropped", Value: g.dropped.Load()},
		{Name: p + "writers_blocked", Value: uint64(max(g.blocked.Load(), 0))},
	}
}

// Work is the working memory of one [Machine.Step]. It holds nothing between
// steps, so that an idle connection needs none.
type Work struct {
	scan  *strictjson.Scanner
	text  []byte
	claim haechi.Claim
	bound haechi.Claim // the second signature
	hasher
	event   haechi.Event
	request haechi.Request
}

// NewWork returns working memory for machines of this gate.
func (g *Gate) NewWork() *Work { return g.works.Get().(*Work) }

// Done takes working memory back.
func (g *Gate) Done(w *Work) {
	w.scan.Reset()
	w.claim, w.bound, w.event, w.request = haechi.Claim{}, haechi.Claim{}, haechi.Event{}, haechi.Request{}
	if cap(w.text) > 4096 {
		w.text = nil
	}
	g.works.Put(w)
}
