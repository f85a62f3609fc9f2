package h3

import (
	"context"
	"net/netip"
	"sync"

	"haechi"
	"haechi/internal/brick/clientkey"
	"haechi/internal/ingress"
)

// attempt is one connection from its first packet to its end.
type attempt struct {
	l     *Listener
	peer  netip.AddrPort
	hello ingress.Hello

	proven   bool // before the handshake began
	admitted bool
	refused  bool
	actor    haechi.Actor
	release  func()

	mu     sync.Mutex
	shaken bool // the handshake is complete
	over   bool
}

type attemptKey struct{}

func withAttempt(ctx context.Context, at *attempt) context.Context {
	return ingress.WithHello(context.WithValue(ctx, attemptKey{}, at), &at.hello)
}

func attemptOf(ctx context.Context) *attempt { return ctx.Value(attemptKey{}).(*attempt) }

func newAttempt(l *Listener, peer netip.AddrPort, proven bool) *attempt {
	at := &attempt{l: l, peer: peer, proven: proven, release: func() {}}
	at.hello = ingress.Hello{Port: peer.Port(), LocalPort: l.port.local,
		Actor: haechi.Actor{Addr: peer.Addr(), Client: clientkey.Of(peer.Addr(), 0), Assurance: haechi.Seen}}
	return at
}

// enter admits a client whose address is proved already, and finds room for its
// handshake. On error the client has no place.
func (at *attempt) enter() error {
	if at.proven && !at.admit() {
		return errRefused
	}
	if l := at.l; l.port.shaking.Load() >= int64(l.cfg.MaxHandshakes) && !at.allowed() {
		at.letGo()
		l.counts.busy.Add(1)
		return errBusy
	}
	return nil
}

// admit lets the client in, once; its address must be its own.
func (at *attempt) admit() bool {
	if at.admitted || at.refused {
		return at.admitted
	}
	a, release, ok := at.l.cfg.Door.Admit(at.peer, at.l.port.local)
	if at.admitted, at.refused = ok, !ok; !ok {
		return false
	}
	at.actor, at.hello.Actor = a, a
	at.mu.Lock()
	defer at.mu.Unlock()
	if at.release = sync.OnceFunc(release); at.over {
		at.release()
	}
	return true
}

func (at *attempt) allowed() bool { return at.admitted && at.actor.Allowed }

// letGo gives the client's place back.
func (at *attempt) letGo() {
	at.mu.Lock()
	release := at.release
	at.mu.Unlock()
	release()
}

// start counts a handshake.
func (at *attempt) start() {
	o := at.l.port
	o.pool.mu.Lock()
	o.attempts++
	o.pool.mu.Unlock()
	at.count(1)
}

func (at *attempt) count(n int64) {
	at.l.port.shaking.Add(n)
	if !at.proven {
		at.l.port.unproved.Add(n)
	}
}

// proved notes that the handshake is complete.
func (at *attempt) proved() {
	at.mu.Lock()
	defer at.mu.Unlock()
	if !at.shaken && !at.over {
		at.shaken = true
		at.count(-1)
	}
}

// end is called when the connection has ended, or never came to be.
func (at *attempt) end() {
	at.mu.Lock()
	at.over = true
	failed := !at.shaken
	at.mu.Unlock()
	if failed {
		at.count(-1)
		at.l.counts.failed.Add(1)
	}
	at.letGo()
	o := at.l.port
	o.pool.mu.Lock()
	defer o.pool.mu.Unlock()
	o.attempts--
	o.settle()
}
