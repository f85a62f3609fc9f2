package signature

import "time"

// Defaults of [Config].
const (
	DefaultWindow   = 300 * time.Second
	DefaultReuse    = 3
	DefaultCapacity = 1 << 20
	DefaultShare    = 1 << 14
)

// Config bounds what is accepted and what is remembered. The zero value takes
// every default.
type Config struct {
	// Window is how far a device's clock may be off, either way, inclusive; 0
	// means 300 s. Below 60 s real clients break: they sign a frame when they
	// queue it and may send it 30 s later.
	Window time.Duration
	// Past and Future replace Window for timestamps behind and ahead of our
	// clock; 0 means Window.
	Past, Future time.Duration
	// Start is when this run of the gateway began; zero: not known. The replay memory
	// begins with it, so a liveness check that was signed before proves nothing. It
	// counts for as long as such a signature could pass the clock, Past and Future
	// together, by the monotonic clock: a wrong time at start closes nothing for good.
	Start time.Time
	// Reuse is how many further frames with an equal signature one connection may
	// send: frames made within one millisecond sign alike. 0 means 3, negative none.
	Reuse int
	// Capacity is how many frames the replay memory holds in all; 0 means
	// 1,048,576. At its cap every new frame is refused with ReasonNonceFull. Each
	// takes 40 to 80 bytes and is kept for less than 2.5 times (Past + Future).
	Capacity int
	// Share is how many of them one device may hold, so that no device fills the
	// memory for the others; 0 means 16,384 (or Capacity if that is less). It must
	// exceed the device's limit a minute times the minutes a frame is kept.
	Share int
}

func (c Config) withDefaults() Config {
	c.Window = orDuration(c.Window, DefaultWindow)
	c.Past = orDuration(c.Past, c.Window)
	c.Future = orDuration(c.Future, c.Window)
	if c.Reuse == 0 {
		c.Reuse = DefaultReuse
	}
	if c.Capacity <= 0 {
		c.Capacity = DefaultCapacity
	}
	if c.Share <= 0 {
		c.Share = DefaultShare
	}
	c.Share = min(c.Share, c.Capacity)
	return c
}

func orDuration(d, fallback time.Duration) time.Duration {
	if d < time.Millisecond {
		return fallback
	}
	return d
}
