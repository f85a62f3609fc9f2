package listener

import (
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"haechi"
	"haechi/internal/ingress"
)

const (
	defaultMaxConns      = 65_536
	defaultMaxHeaders    = 1024
	defaultHeaderTimeout = 5 * time.Second
)

// Cap bounds the connections of one client key at a time.
type Cap interface {
	// Acquire takes a place, or reports that there is none.
	Acquire(client netip.Prefix) bool
	// Release gives it back.
	Release(client netip.Prefix)
	// Full reports whether there is none, without counting.
	Full(client netip.Prefix) bool
}

// Config says how one service listens on one address.
type Config struct {
	// Addr is host:port; port 0 lets the system choose, see [Listener.Addr].
	Addr string
	// Service is the name under services: in the configuration.
	Service string
	// V6Bits is the prefix length of an IPv6 client key, 0 means 64.
	V6Bits int
	// Allowed is the allow list: such a client is neither judged nor capped. Nil: nobody.
	Allowed func(netip.Addr) bool
	// TrustedProxy reports proxies of ours. A connection whose client is such a
	// proxy stands for many people: it is neither capped nor judged, its requests
	// are. Nil: nobody.
	TrustedProxy func(netip.Addr) bool
	// ProxyProtocol reports the networks that must send a PROXY header, version 1
	// or 2. Nil switches the protocol off: a header is then bytes like any other.
	// While it is on, a header from any other network closes the connection.
	ProxyProtocol func(netip.Addr) bool
	// Cap bounds connections by client key; nil: no cap.
	Cap Cap
	// Judge is asked once at accept, with KindConnect; nil: everybody passes.
	Judge ingress.Inspector
	// Lists are those of the judges that do not count; see [Listener.Doubtful]. Nil: none.
	Lists ingress.Inspector
	// Sink takes KindConnect events; nil: nobody listens.
	Sink ingress.Sink
	// Announce emits an event for an admitted connection too. Without it only
	// refusals and shadow verdicts are emitted, for gates that announce their
	// connections themselves.
	Announce bool
	// Suspended starts without a socket of its own, see [Listener.Suspend]. One that
	// an older listener has open stays open, so that a reload turns nobody away.
	Suspended bool
	// MaxConns bounds open connections, 0 means 65,536. Allowed clients may exceed
	// it by a sixteenth, so that a flood cannot lock them out.
	MaxConns int
	// MaxHeaders bounds the connections whose PROXY header is awaited, 0 means 1,024.
	MaxHeaders int
	// HeaderTimeout bounds the wait for a PROXY header, 0 means 5 s.
	HeaderTimeout time.Duration
	// Now is the clock of events and verdicts, nil means time.Now.
	Now func() time.Time
	// Log is for the operator, nil means nowhere.
	Log *slog.Logger
}

func (c Config) withDefaults() (Config, error) {
	if c.Addr == "" || c.Service == "" {
		return c, &haechi.Error{Kind: haechi.Invalid, Op: "listen", Msg: "address and service name are needed",
			Err: errors.New("empty address or service")}
	}
	nobody := func(netip.Addr) bool { return false }
	if c.Allowed == nil {
		c.Allowed = nobody
	}
	if c.TrustedProxy == nil {
		c.TrustedProxy = nobody
	}
	if c.MaxConns <= 0 {
		c.MaxConns = defaultMaxConns
	}
	if c.MaxHeaders <= 0 {
		c.MaxHeaders = defaultMaxHeaders
	}
	if c.HeaderTimeout <= 0 {
		c.HeaderTimeout = defaultHeaderTimeout
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c, nil
}
