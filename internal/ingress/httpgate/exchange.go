package httpgate

import (
	"bufio"
	"iter"
	"net"
	"net/http"
	"net/http/httputil"
	"time"

	"haechi"
	"haechi/internal/brick/strain"
)

// exchange is one request and its answer. It is the http.ResponseWriter of the
// proxy, and is used again for other requests: nothing keeps it.
type exchange struct {
	g *Gate
	state

	lesson  haechi.Lesson
	proxy   httputil.ReverseProxy
	headers iter.Seq2[string, string]
	scratch [512]byte
}

// state is what an exchange knows of its request. It is forgotten at the end.
type state struct {
	w    http.ResponseWriter
	c    *conn
	r    *http.Request // nil on a lane
	lane *lane         // nil where net/http reads
	in   asked
	site *site // nil while unknown

	origin  time.Time     // what spans are measured from, see clock
	start   time.Duration // of the request, by the clock
	asked   time.Time     // the time of day at which it was judged
	actor   haechi.Actor
	direct  bool // the actor is the peer of the connection
	trusted bool // the peer is a trusted proxy
	verdict haechi.Verdict
	body    *body  // nil without a request body, and on a lane
	arrived []byte // of the body, where it is to be judged
	hits    string
	cert    *certified  // of the connection; nil where nobody asks for one
	lease   *lease      // nil for direct clients
	flow    *flow       // nil but for HTTP/2
	reading *answerRead // the answer's body; nil without one

	at         *server       // that has the request; nil where a site has one only
	load       *load         // of the site, while the servers behind have the request
	lead       time.Duration // of the load's time over the exchange's
	ticket     strain.Ticket
	placed     bool       // the client holds a place at them
	answerBody *readAhead // nil for a short answer

	status    int // 0 until the answer began
	out       int64
	got       int64 // of the body, on a lane
	refused   bool
	upgraded  bool
	framing   framing
	places    *places   // where an upgrade, or one that is asked for, has a place; nil: nowhere
	socket    *upgraded // once it is one
	upstream  bool      // the upstream failed
	recorded  bool
	abort     bool  // end without an answer
	heldBytes int64 // of the body, in memory
	bodyHere  bool  // the whole body is
	noRange   bool  // the Range header does not go to the upstream

	most     int            // bytes of the answer that are judged, 0: nobody judges it
	holds    bool           // the client waits until they were
	tap      *tap           // where it does not; nil without one
	early    *early         // what is held of an answer without a length; nil without one
	withheld haechi.Verdict // of the answer that is not passed on

	look  *look  // the answer as a page that is looked at, nil for most
	nonce string // of this answer's policy, empty without one
	proof string // for a certificate authority, empty for others

	view  haechi.Request
	event haechi.Event
}

func newExchange(g *Gate) *exchange {
	x := &exchange{g: g}
	x.headers = x.eachHeader
	x.proxy = httputil.ReverseProxy{Rewrite: x.rewrite, ModifyResponse: x.answered, ErrorHandler: x.failed,
		BufferPool: &g.buffers, ErrorLog: g.srv.ErrorLog}
	return x
}

// reset forgets the last request, so that the pool keeps nothing of it alive.
func (x *exchange) reset() {
	x.use(nil)
	x.lesson.Reset()
	x.proxy.Transport = nil
	x.state = state{}
}

// use notes which server has the request now, nil for none.
func (x *exchange) use(one *server) {
	if x.at != nil {
		x.at.mark.End()
	}
	if x.at = one; one != nil {
		one.mark.Begin()
	}
}

// clock is the time since the origin, see the lane's.
func (x *exchange) clock() time.Duration {
	if x.lane != nil {
		return x.lane.clock()
	}
	return time.Since(x.origin)
}

// now is the time of day. A judged request has asked for it before.
func (x *exchange) now() time.Time {
	if x.asked.IsZero() {
		return x.g.deps.Now()
	}
	return x.asked.Add(x.clock() - x.start)
}

// waited says that time may have passed since the clock was read.
func (x *exchange) waited() {
	if x.lane != nil {
		x.lane.stale = true
	}
}

// eachHeader iterates the request's header for inspectors.
func (x *exchange) eachHeader(yield func(name, value string) bool) {
	x.in.header.each(yield)
}

// Header implements http.ResponseWriter.
func (x *exchange) Header() http.Header { return x.w.Header() }

// WriteHeader implements http.ResponseWriter. Interim answers are passed on, and
// may come from another goroutine than the final one: they touch no field.
func (x *exchange) WriteHeader(status int) {
	if status >= http.StatusOK || status == http.StatusSwitchingProtocols {
		x.status = status
	}
	x.w.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (x *exchange) Write(p []byte) (int, error) {
	if x.status == 0 {
		x.status = http.StatusOK
	}
	if x.flow != nil {
		x.flow.begin(len(p))
		defer x.flow.done()
	}
	if x.look != nil {
		x.look.take(p)
	}
	n, err := x.w.Write(p)
	x.out += int64(n)
	return n, err
}

// FlushError is what http.ResponseController flushes with.
func (x *exchange) FlushError() error {
	if x.flow != nil {
		x.flow.begin(0)
		defer x.flow.done()
	}
	return http.NewResponseController(x.w).Flush()
}

// Unwrap gives http.ResponseController what it needs for flushing and upgrades.
func (x *exchange) Unwrap() http.ResponseWriter { return x.w }

// Hijack hands the connection over to an upgraded protocol. The request is
// recorded now, since what follows may last for hours.
func (x *exchange) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	own := x.c.g        // the gate of the connection, which may have handed over
	own.upgrades.Add(1) // before its server forgets the connection, for Shutdown
	c, rw, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		own.upgrades.Done()
		return nil, nil, err
	}
	x.upgraded, x.status = true, http.StatusSwitchingProtocols
	x.g.counts.upgraded.Add(1)
	now := x.now()
	x.leave(x.status, now) // what follows may last for hours, without work
	x.record(now)
	return x.bound(c), rw, nil
}
