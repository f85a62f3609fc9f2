package tcpgate

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"time"

	"haechi"
	"haechi/internal/brick/parking"
	"haechi/internal/brick/splice"
	"haechi/internal/ingress"
)

// Config describes one service. Zero fields mean the defaults.
type Config struct {
	Service string
	// TLS ends TLS here; nil leaves it to the server behind.
	TLS *tls.Config
	// Certificates know those of clients, which TLS must ask for and refuse within the
	// handshake with an [ingress.Uncertified]; nil: nobody asks.
	Certificates ingress.Certificates
	// Upstream, host:port, is where everybody goes whose name is not among Names;
	// empty refuses them.
	Upstream string
	Names    []Name
	// SendProxy is the version of the PROXY header that the upstream gets; 0: none.
	SendProxy int
	// HelloTimeout (10 s) bounds the TLS handshake or hello, MaxHello (16 KiB) the
	// hello, Hellos (16 MiB) the hellos of all connections together.
	HelloTimeout time.Duration
	MaxHello     int
	Hellos       int64
	DialTimeout  time.Duration // 5 s
	// Idle (10 min) is the longest silence in both directions, WriteTimeout (30 s) the
	// longest that either side may take to accept a write.
	Idle, WriteTimeout time.Duration
	// MinRate is what a connection that is not silent must move, in bytes a second in
	// both directions together, over each RateWindow (10 s); 0: nothing.
	MinRate    int64
	RateWindow time.Duration
	// Shadow tells of a connection that is slower, and leaves it alone.
	Shadow bool
	// Paced says that bytes are counted against rates; Piece (16 KiB) is how many are
	// taken at once then.
	Paced bool
	Piece int
	// MaxPause (5 s) bounds the time that a decision delays a connection.
	MaxPause time.Duration
	// Quiet (200 ms) is the silence after which a connection is parked.
	Quiet time.Duration
}

// Name is a name that clients ask for, and the server behind it, host:port.
// "*.example.com" stands for every name with one label more.
type Name struct{ Name, Upstream string }

// Pacer counts bytes against a client's rates. A Throttle asks the gate to wait for
// its delay and then to go on; a Deny ends the connection. It must not block.
type Pacer interface {
	// Pace charges so many bytes that the client sent or, with out, is sent.
	Pace(service string, a *haechi.Actor, out bool, size int, now time.Time) haechi.Verdict
}

// Deps is what a gate asks of the rest of the house. Inspector, Sink, Sessions and
// Dial are needed.
type Deps struct {
	// Inspector is asked with KindConnect before the upstream is opened. The listener
	// has asked about the limits already: this one must not count.
	Inspector ingress.Inspector
	Pacer     Pacer // nil: bytes have no rates
	Sink      ingress.Sink
	Sessions  ingress.Sessions
	// Dial connects to a server behind, host:port.
	Dial func(ctx context.Context, address string) (net.Conn, error)
	// Suspect is told that a server behind failed a connection, so that its health is
	// checked at once. It must not block. Nil: nobody.
	Suspect func(address string)
	// Lot parks silent connections; nil keeps their goroutines.
	Lot *parking.Lot
	// Pipes let the kernel move the bytes; nil copies them.
	Pipes *splice.Pool
	Now   func() time.Time // nil: time.Now
	Log   *slog.Logger     // nil: nowhere
}

func (c Config) withDefaults() Config {
	or := func(p *time.Duration, d time.Duration) {
		if *p <= 0 {
			*p = d
		}
	}
	or(&c.HelloTimeout, 10*time.Second)
	or(&c.DialTimeout, 5*time.Second)
	or(&c.Idle, 10*time.Minute)
	or(&c.WriteTimeout, 30*time.Second)
	or(&c.RateWindow, 10*time.Second)
	or(&c.MaxPause, 5*time.Second)
	or(&c.Quiet, 200*time.Millisecond)
	if c.MaxHello <= 0 {
		c.MaxHello = 16 << 10
	}
	if c.Hellos <= 0 {
		c.Hellos = 16 << 20
	}
	if c.Piece <= 0 || c.Piece > bufferSize {
		c.Piece = bufferSize
	}
	return c
}

func (d Deps) withDefaults() Deps {
	if d.Suspect == nil {
		d.Suspect = func(string) {}
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	return d
}
