package params

import (
	"crypto/rand"
	"encoding/binary"
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"haechi"
	"haechi/internal/brick/distinct"
	"haechi/internal/brick/tenure"
	"haechi/internal/inspect/waf"
)

// Config are the bounds of what is learned. Zero fields mean the defaults.
type Config struct {
	// Parameters (4,096) is of how many something is known at once.
	Parameters int
	// Values (20), Networks (10) and Span (24 h) make a kind known; Changed (1 h) in place
	// of Span where a quarter of the networks of a parameter bring it.
	Values   uint32
	Networks int
	Span     time.Duration
	Changed  time.Duration
	// Settled (300) values over Warm (72 h), of Networks, before anything is told: of 300
	// values without a kind, less than 1 % have it (at 95 %, the rule of three).
	Settled uint32
	Warm    time.Duration
	// Known (24 h) is for how long a client has standing.
	Known time.Duration
}

// clients is of how many the tenure is known: 768 KiB.
const clients = 1 << 16

func or[T int | uint32 | time.Duration](v, fallback T) T {
	if v == 0 {
		return fallback
	}
	return v
}

func (c Config) withDefaults() Config {
	c.Parameters, c.Values, c.Networks = or(c.Parameters, 4096), or(c.Values, 20), or(c.Networks, 10)
	c.Span, c.Changed = or(c.Span, 24*time.Hour), or(c.Changed, time.Hour)
	c.Settled, c.Warm, c.Known = or(c.Settled, 300), or(c.Warm, 72*time.Hour), or(c.Known, 24*time.Hour)
	return c
}

// Learner implements [waf.Context]. It is safe for concurrent use.
type Learner struct {
	cfg     Config
	traits  [256]traits
	seed    maphash.Seed
	secret  [2]uint64 // of what is told apart by bits; saved with them
	table   *table
	tenure  *tenure.Table
	visits  sync.Pool
	learned atomic.Uint64 // values
	refused atomic.Uint64 // parameters that found no room
	passed  atomic.Uint64 // parameters beyond those of a lesson
	unusual atomic.Uint64 // values told of
	changed atomic.Bool   // since it was saved
}

// New returns a learner that knows nothing.
func New(cfg Config) *Learner {
	l := &Learner{cfg: cfg.withDefaults(), seed: maphash.MakeSeed()}
	for c := range l.traits {
		l.traits[c] = trait(byte(c))
	}
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails (crypto/rand)
	l.secret = [2]uint64{binary.LittleEndian.Uint64(b[:8]), binary.LittleEndian.Uint64(b[8:])}
	l.table, l.tenure = newTable(l.cfg.Parameters), tenure.New(clients)
	l.visits.New = func() any { return &visit{l: l} }
	return l
}

// visit is one request that is looked at.
type visit struct {
	l       *Learner
	walk    walk
	r       *haechi.Request
	hits    []haechi.Hit
	teach   bool
	known   bool
	asked   bool // known was found out
	now     time.Time
	route   []byte
	routed  uint64
	routing [maxRoute]byte
}

// Weigh implements [waf.Context].
func (l *Learner) Weigh(view *waf.View, r *haechi.Request, clean bool, hits []haechi.Hit, now time.Time) []haechi.Hit {
	v := l.visits.Get().(*visit)
	v.r, v.hits, v.now, v.known, v.asked = r, hits, now, false, false
	if v.teach = clean && r.Lesson != nil; v.teach {
		r.Lesson.Reset()
		r.Lesson.Clean = true
	}
	v.route = appendRoute(v.routing[:0], l, r.Method, r.Path)
	v.routed = maphash.String(l.seed, r.Service) ^ distinct.Mix(maphash.Bytes(l.seed, v.route))
	v.walk.to, v.walk.s.of, v.walk.n = v, &l.traits, 0
	v.walk.all(view)
	hits, v.r, v.hits = v.hits, nil, nil
	l.visits.Put(v)
	return hits
}

// key is of a parameter; never 0.
func (l *Learner) key(route uint64, name []byte) uint64 {
	return distinct.Mix(route+maphash.Bytes(l.seed, name)) | 1
}

// parameter implements found.
func (v *visit) parameter(name []byte, s *sight) {
	k := s.kind()
	if k == None {
		return
	}
	key := v.l.key(v.routed, name)
	bucket, mu := v.l.table.at(key)
	mu.Lock()
	e := find(bucket, key)
	there := e != nil
	var odd haechi.Usual
	if there && !e.known.has(k) && wider(e.known.most(), k) && e.tells(&v.l.cfg) {
		odd = e.usual()
	}
	mu.Unlock()
	if v.teach {
		v.note(key, k, s.length(), name, there)
	}
	if odd.Kinds != "" {
		v.tell(odd, name, s)
	}
}

// usual is what a hit says of the entry.
func (e *entry) usual() haechi.Usual {
	return haechi.Usual{Kinds: e.known.String(), Requests: e.total, Networks: e.count(), Days: int((e.last - e.first) / (24 * 60)), Longest: int(e.longest)}
}

// note puts a value among what may be learned.
func (v *visit) note(key uint64, k Kind, length uint16, name []byte, there bool) {
	l := v.r.Lesson
	for i := range l.Noted[:l.N] {
		if l.Noted[i].Key == key && l.Noted[i].Kind == uint8(k) {
			return // the same again, as in lists
		}
	}
	if l.N == len(l.Noted) {
		v.l.passed.Add(1)
		return
	}
	n := haechi.Noted{Key: key, Kind: uint8(k), Length: length}
	if !there {
		n.Route, n.Name = string(v.route), string(name)
	}
	l.Noted[l.N] = n
	l.N++
}

// tell adds a hit, one for each name.
func (v *visit) tell(u haechi.Usual, name []byte, s *sight) {
	if !v.asked {
		v.asked, v.known = true, v.l.standing(v.r.Actor, v.now)
	}
	v.l.unusual.Add(1)
	u.Length, u.Known = s.n, v.known
	h := haechi.Hit{Rule: waf.RuleContext, Where: waf.Where("ARGS", string(name)), Shape: waf.Shape(s.beginning()), Usual: u}
	for i := range v.hits {
		if v.hits[i].Rule == h.Rule && v.hits[i].Where == h.Where {
			return
		}
	}
	v.hits = append(v.hits, h)
}

func (s *sight) beginning() string { return string(s.head[:min(s.n, headSize)]) }

// Learn implements [waf.Context].
func (l *Learner) Learn(r *haechi.Request, now time.Time) {
	if r.Lesson == nil || !r.Lesson.Clean || r.Actor == nil {
		return
	}
	at := minutes(now)
	network := l.network(r.Actor)
	l.tenure.Met(l.client(r.Actor), time.Duration(now.Unix())*time.Second)
	for i := range r.Lesson.Noted[:r.Lesson.N] {
		l.take(r.Service, &r.Lesson.Noted[i], network, at)
	}
	l.changed.Store(true)
}

func (l *Learner) take(service string, n *haechi.Noted, network uint64, now uint32) {
	if Kind(n.Kind) >= kinds || Kind(n.Kind) == None {
		return
	}
	bucket, mu := l.table.at(n.Key)
	mu.Lock()
	defer mu.Unlock()
	e := find(bucket, n.Key)
	if e == nil {
		if n.Name == "" {
			return // it has been replaced meanwhile
		}
		if e = room(bucket, now); e == nil {
			l.refused.Add(1)
			return
		}
		*e = entry{key: n.Key, service: strings.Clone(service), route: n.Route, name: n.Name}
	}
	e.learn(&l.cfg, Kind(n.Kind), n.Length, network, now)
	l.learned.Add(1)
}

// client is whose standing it is: an account, or the client key.
func (l *Learner) client(a *haechi.Actor) uint64 {
	if who := account(a); who != "" {
		return l.text(who)
	}
	return l.hash(a.Client.Addr().As16())
}

func account(a *haechi.Actor) string {
	if a.Assurance < haechi.Authenticated {
		return ""
	}
	for _, who := range []string{a.User, a.Certificate, a.Device} {
		if who != "" {
			return who
		}
	}
	return ""
}

// network is who counts as one: an account, or what one attacker can have the addresses of.
func (l *Learner) network(a *haechi.Actor) uint64 {
	if who := account(a); who != "" {
		return l.text(who)
	}
	addr, size := a.Client.Addr(), 24
	switch {
	case addr.IsPrivate() || addr.IsLoopback():
		size = a.Client.Bits()
	case addr.Is6():
		size = 48
	}
	p, err := addr.Prefix(min(size, a.Client.Bits()))
	if err != nil {
		return 0
	}
	return l.hash(p.Addr().As16())
}

func (l *Learner) hash(b [16]byte) uint64 {
	x := distinct.Mix(binary.BigEndian.Uint64(b[:8]) ^ l.secret[0])
	return distinct.Mix(x ^ binary.BigEndian.Uint64(b[8:]) ^ l.secret[1])
}

// text hashes a name; FNV-1a between two secrets, since maphash has no seed to save.
func (l *Learner) text(s string) uint64 {
	x := l.secret[0]
	for i := range len(s) {
		x = (x ^ uint64(s[i])) * 1099511628211
	}
	return distinct.Mix(x ^ l.secret[1])
}

// standing reports whether the client is authenticated or known for long.
func (l *Learner) standing(a *haechi.Actor, now time.Time) bool {
	return a.Assurance >= haechi.Authenticated || l.tenure.Since(l.client(a), time.Duration(now.Unix())*time.Second) >= l.cfg.Known
}

// Counters are the counts since it was made.
func (l *Learner) Counters() []haechi.Counter {
	return []haechi.Counter{
		{Name: "waf_context_learned", Value: l.learned.Load()},
		{Name: "waf_context_refused", Value: l.refused.Load()},
		{Name: "waf_context_passed_over", Value: l.passed.Load()},
		{Name: "waf_context_unusual", Value: l.unusual.Load()},
	}
}
