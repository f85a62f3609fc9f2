package shield

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"haechi"
	"haechi/internal/enforce"
)

// ClientConfig is what a Client is told. All but Timeout must be set.
type ClientConfig struct {
	// Name is the enforcer's that is asked.
	Name string
	// Dial opens a connection to the shield.
	Dial func(context.Context) (net.Conn, error)
	// Takes reports whether the kernel enforces the decision.
	Takes func(d *haechi.Decision) bool
	// Timeout bounds one request. Default 2 s.
	Timeout time.Duration
}

// Client is the shield as an enforcer. It is safe for concurrent use, asks one thing at a
// time, and connects anew after a failure.
type Client struct {
	cfg ClientConfig
	mu  sync.Mutex
	c   net.Conn

	unconfined atomic.Pointer[string] // as the shield said last; nil: not yet
}

var (
	_ enforce.Enforcer  = (*Client)(nil)
	_ enforce.Selective = (*Client)(nil)
	_ enforce.Watchful  = (*Client)(nil)
	_ enforce.Meterer   = (*Client)(nil)
)

// NewClient makes a client. It connects when it is first asked something.
func NewClient(cfg ClientConfig) *Client {
	if cfg.Timeout <= 0 {
		cfg.Timeout = 2 * time.Second
	}
	return &Client{cfg: cfg}
}

// Name is that of what the shield enforces with.
func (c *Client) Name() string { return c.cfg.Name }

// Takes reports whether the kernel enforces the decision.
func (c *Client) Takes(d *haechi.Decision) bool { return c.cfg.Takes(d) }

// Apply implements [enforce.Enforcer].
func (c *Client) Apply(ctx context.Context, ds []haechi.Decision) error {
	_, err := c.ask(ctx, &request{Op: opApply, Decisions: ds})
	return err
}

// Lift implements [enforce.Enforcer].
func (c *Client) Lift(ctx context.Context, ids []haechi.Reference) error {
	if len(ids) == 0 && ctx.Err() == nil {
		return nil
	}
	_, err := c.ask(ctx, &request{Op: opLift, IDs: ids})
	return err
}

// InForce implements [enforce.Enforcer].
func (c *Client) InForce(ctx context.Context) ([]haechi.Decision, error) {
	r, err := c.ask(ctx, &request{Op: opInForce})
	return r.Decisions, err
}

// Changed implements [enforce.Watchful].
func (c *Client) Changed(ctx context.Context) (bool, error) {
	r, err := c.ask(ctx, &request{Op: opChanged})
	return r.Changed, err
}

// Guard replaces whom the kernel accepts before any drop. The shield adds its own.
func (c *Client) Guard(ctx context.Context, ps []netip.Prefix) error {
	_, err := c.ask(ctx, &request{Op: opGuard, Prefixes: ps})
	return err
}

// SetMeters implements [enforce.Meterer].
func (c *Client) SetMeters(ctx context.Context, m enforce.Meters) error {
	_, err := c.ask(ctx, &request{Op: opMeters, Meters: &m})
	return err
}

// Know implements [enforce.Meterer].
func (c *Client) Know(ctx context.Context, clients []netip.Prefix, length time.Duration) error {
	_, err := c.ask(ctx, &request{Op: opKnow, Prefixes: clients, For: length})
	return err
}

// Held implements [enforce.Meterer].
func (c *Client) Held(ctx context.Context) ([]haechi.Counter, error) {
	r, err := c.ask(ctx, &request{Op: opHeld})
	return r.Counters, err
}

// Stats are the shield's counters; none while it does not answer.
func (c *Client) Stats() []haechi.Counter {
	r, err := c.ask(context.Background(), &request{Op: opStats})
	if err != nil {
		return nil
	}
	return r.Counters
}

// Unconfined is what the shield process should have given up and has not, as it said with
// its last answer; empty: nothing, or it has not answered yet.
func (c *Client) Unconfined() string {
	if text := c.unconfined.Load(); text != nil {
		return *text
	}
	return ""
}

// Close ends the connection.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.drop()
}

func (c *Client) drop() (err error) {
	if c.c != nil {
		err = c.c.Close()
	}
	c.c = nil
	return err
}

// ask asks one thing. A connection that has failed is not used again: an answer that
// comes late is not the next one's.
func (c *Client) ask(ctx context.Context, q *request) (r response, err error) {
	if err := ctx.Err(); err != nil {
		return r, err
	}
	q.On = c.cfg.Name
	ctx, stop := context.WithTimeout(ctx, c.cfg.Timeout)
	defer stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for fresh := false; !fresh; {
		if fresh = c.c == nil; fresh {
			if c.c, err = c.cfg.Dial(ctx); err != nil {
				c.c = nil
				return r, silent(err)
			}
		}
		if err = c.exchange(ctx, q, &r); err == nil {
			c.unconfined.Store(&r.Unconfined)
			return r, r.Failure.err()
		}
		_ = c.drop() // it failed already; an old connection is tried once more as a new one
	}
	return r, silent(err)
}

func (c *Client) exchange(ctx context.Context, q *request, r *response) error {
	until, _ := ctx.Deadline()
	if err := c.c.SetDeadline(until); err != nil {
		return err
	}
	if err := write(c.c, q); err != nil {
		return err
	}
	return read(c.c, r)
}

func silent(err error) error {
	return &haechi.Error{Kind: haechi.Unavailable, Op: "ask the shield", Msg: "it does not answer", Err: err,
		Hint: "start it: haechi shield, as root; until then everything is enforced in process"}
}
