package httpgate

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"haechi/internal/brick/http1"
)

const (
	laneBuffer = 16 << 10 // of a request's head, and of a body that comes with it
	// watchEvery is how often a waiting lane looks whether its client is still there.
	watchEvery = time.Second
)

// The states of a lane.
const (
	laneNew  = iota // no request came yet
	laneIdle        // it waits for the next
	laneBusy
)

// lane serves one client connection the fast way: it reads plain HTTP/1.1 requests, has
// each judged, asks the upstream and answers. Whatever else comes it hands to net/http,
// with what it read.
//
// A loop runs it (see ride) until it has to wait for something else than its client and
// the beginning of an answer. Then one goroutine does, inside one call of RawConn.Read,
// whose callback returns false to wait. The poller remembers what arrived since it last woke us, so a connection that
// was read dry need not be read once more to learn that it is: of a request's system
// calls that leaves one read and one write on this side.
type lane struct {
	c *conn
	ride
	tls  *tls.Conn    // nil: plain
	tcp  *net.TCPConn // guarded by mu; nil while the connection is not read without waiting
	raw  syscall.RawConn
	sock sock
	read *http1.Reader

	in       []byte // what came, [at:have]; nil while nothing is there
	at, have int
	q        http1.Request
	x        *exchange // judged; it waits for its body
	served   int       // requests
	met      met
	last     laneTexts
	page     page
	request  []byte // for the upstream
	reply    http1.Response
	// understood is how far reply came: it is void unless that is http1.Read.
	understood http1.Outcome
	asking     bool // the answer is a loop's to wait for
	loan       loan // of the request under way; whoever has it ends before the next one

	now     time.Duration // see clock
	stale   bool          // somebody may have waited since then
	due     time.Duration // since opened: when waiting ends; 0: from now on for HeaderTimeout
	armed   time.Duration // for when the deadline is set
	unsure  bool          // the socket may hold an end that nobody was told of
	hand    bool          // net/http goes on
	closing bool          // behind this answer
	unread  bool          // the client may still be sending

	state   atomic.Int32
	stopped atomic.Bool // the gate ends what is under way
	gone    atomic.Bool // the client left
	quit    atomic.Bool // the answer under way is given up
	mu      sync.Mutex
	wire    *wire // that is being talked on; guarded by mu
}

// attend serves a connection that was just accepted, until its end or until a loop does.
func (g *Gate) attend(c *conn) {
	l := &lane{c: c, read: g.reader}
	c.lane.Store(l)
	g.lanes.add(l)
	defer l.caught()
	l.due = g.cfg.HeaderTimeout
	switch {
	case g.tls != nil && !l.secure():
		l.giveBack()
		g.lanes.remove(l)
	case l.board():
	case l.ready():
		l.serve()
	default:
		l.depart()
	}
}

// serve is the lane while a goroutine runs it.
func (l *lane) serve() {
	l.sock.inside, l.sock.hungUp = false, false
	for {
		err := l.raw.Read(l.step)
		if err != nil && errors.Is(err, os.ErrDeadlineExceeded) && !l.late() {
			continue
		}
		l.hand = l.hand && err == nil
		l.depart()
		return
	}
}

// ready makes the connection one that is read without waiting. If that cannot be, the
// lane is at its end.
func (l *lane) ready() bool {
	tcp := bareOf(l.c)
	if l.hand = tcp == nil; l.hand {
		return false
	}
	var err error
	if l.raw, err = tcp.SyscallConn(); err != nil {
		return false
	}
	l.c.sock = &l.sock
	l.own(tcp)
	return true
}

// secure begins with TLS. It reports whether HTTP/1 is spoken.
func (l *lane) secure() bool {
	t := l.c.g.secure(l.c)
	if t == nil {
		_ = l.c.Close()
		return false
	}
	switch t.ConnectionState().NegotiatedProtocol {
	case "", protoH1:
		l.tls = t
		return true
	case protoH2:
		l.give(newH2(t, l.c))
	default: // a protocol that answers with the handshake itself
		_ = l.c.Close()
	}
	return false
}

// bareOf is the socket below a connection, nil where something may be in between.
func bareOf(c *conn) *net.TCPConn {
	switch in := c.Conn.Conn.(type) {
	case *net.TCPConn:
		return in
	case interface{ Bare() net.Conn }:
		if t, ok := in.Bare().(*net.TCPConn); ok {
			return t
		}
	}
	return nil
}

// step does all that can be done without waiting for the client. It reports whether
// the lane is at its end.
func (l *lane) step(fd uintptr) (over bool) {
	l.sock.fd, l.sock.drained, l.sock.inside = int(fd), false, true
	l.stale = true
	defer func() { l.sock.inside = false }()
	return l.run() == end
}

// run takes strides until there is something to wait for.
func (l *lane) run() stride {
	for {
		s := l.advance()
		if s == wait {
			l.rest()
		}
		if s != onward {
			return s
		}
	}
}

// clock is the time since the connection was opened. It is read anew only where somebody
// may have waited since it was last read: a clock costs more than most of what is timed
// by it.
func (l *lane) clock() time.Duration {
	if l.stale {
		l.now, l.stale = time.Since(l.c.opened), false
	}
	return l.now
}

// stride is what comes after a step.
type stride int

const (
	onward stride = iota
	wait          // for the client
	away          // for the server: a loop wakes the lane
	end
)

// advance takes the next step: a request that is there, or more of one.
func (l *lane) advance() stride {
	switch {
	case l.x != nil:
		if l.have-l.at >= l.q.Size+int(l.q.Length) {
			return l.proceed()
		}
	case l.have > l.at:
		switch l.read.Request(l.in[l.at:l.have], &l.q) {
		case http1.Read:
			return l.meet()
		case http1.Other:
			return l.other()
		}
		if l.have-l.at >= min(l.c.g.cfg.MaxHeaderBytes, laneBuffer) {
			return l.other() // too large for here; net/http has its bound
		}
		if l.have == len(l.in) {
			l.compact()
		}
	}
	return l.fill()
}

// compact moves what is there to the beginning of the buffer.
func (l *lane) compact() {
	l.have = copy(l.in, l.in[l.at:l.have])
	l.at = 0
}

// other leaves the connection to net/http.
func (l *lane) other() stride {
	l.hand = true
	return end
}

// fill reads once.
func (l *lane) fill() stride {
	if l.in == nil {
		l.in = l.c.g.buffers.Get()[:laneBuffer]
	}
	var n int
	var err error
	if l.tls != nil {
		n, err = l.tls.Read(l.in[l.have:])
	} else {
		n, err = l.c.Read(l.in[l.have:])
	}
	if n > 0 {
		if l.have == l.at && l.x == nil { // the first bytes of a request
			l.due = 0
			l.state.Store(laneBusy)
		}
		l.have += n
		return onward
	}
	if _, ok := err.(notYet); ok {
		return wait
	}
	return end
}

// rest prepares for waiting: the buffer goes back when nothing is in it.
func (l *lane) rest() {
	if l.have == l.at && l.x == nil {
		l.giveBack()
	}
	l.arm()
}

func (l *lane) giveBack() {
	if l.in != nil {
		l.c.g.buffers.Put(l.in[:bufferSize])
	}
	l.in, l.at, l.have = nil, 0, 0
}

// arm sees to it that waiting ends when it is due. The deadline is not set for every
// request: one that comes too early only makes late look again.
func (l *lane) arm() {
	now := l.clock()
	if l.due == 0 {
		l.due = now + l.c.g.cfg.HeaderTimeout
	}
	due := l.due
	if l.unsure {
		due = min(due, now+watchEvery)
	}
	if l.armed <= due && l.armed >= now+(due-now)/2 && l.armed > now {
		return
	}
	l.armed = due
	l.deadline(due)
}

// late reports whether a wait that was ended has lasted long enough. If not, the
// socket is read before the next wait.
func (l *lane) late() bool {
	l.unsure, l.stale = false, true
	if l.clock() < l.due {
		l.armed = 0
		l.arm()
		return false
	}
	if l.x != nil {
		l.tooSlow()
	}
	return true
}

// handOver gives the connection to net/http.
func (l *lane) handOver() {
	if !l.alight() {
		l.close()
		return
	}
	l.c.sock = nil
	l.own(nil)
	if l.armed != 0 {
		l.deadline(0)
	}
	rest := append([]byte(nil), l.in[l.at:l.have]...)
	l.giveBack()
	if l.tls != nil {
		l.give(&h1tls{h1{Conn: &againTLS{l.tls, rest}, c: l.c}})
	} else {
		l.give(&h1{Conn: &again{l.c, rest}, c: l.c})
	}
}

func (l *lane) give(c net.Conn) {
	l.c.lane.Store(nil)
	l.c.g.counts.handedOver.Add(1)
	l.c.g.slow.give(c)
}

// close ends the connection.
func (l *lane) close() {
	l.stale = true
	if l.unread && l.alight() {
		l.c.sock = nil
		l.own(nil)
		l.linger()
	}
	if l.x != nil {
		l.finish()
	}
	if l.tls != nil {
		_ = l.tls.Close() // which closes the other too
	}
	_ = l.c.Close()
	l.disembark()
	l.c.sock = nil
	l.own(nil)
}

// own notes the socket while it is read without waiting.
func (l *lane) own(tcp *net.TCPConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tcp = tcp
}

// linger reads what a client still sends that was refused: a close before that would
// take the answer away from it.
func (l *lane) linger() {
	const most, long = 256 << 10, 500 * time.Millisecond
	if l.tls != nil {
		_ = l.tls.CloseWrite()
	}
	if l.c.CloseWrite() != nil || l.c.SetReadDeadline(time.Now().Add(long)) != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, l.c, most)
}
