package stage

import (
	"time"

	"haechi"
)

// Config says how stages are taken. Zero values take the defaults.
type Config struct {
	// Mode is Enforce, or Shadow: then the stage is only shown, but for an operator's.
	// Off: floods raise nothing.
	Mode haechi.Mode
	// Highest is the most that floods may raise by themselves, at most StageKnown.
	// Default StageCookies.
	Highest haechi.Stage
	// Step is how long a stage is given before a worse one, 1 min.
	Step time.Duration
	// Calm is how long nothing must be seen before it steps down, 2 min.
	Calm time.Duration
	// Remember is how long the last flood's stage is remembered, 15 min.
	Remember time.Duration
	// Lost is after how long a flood is taken for over that nobody says anything about,
	// 15 min.
	Lost time.Duration
	// Settle is how long the gateway must run before clients count as known, 10 min; Start
	// is when it began to.
	Settle time.Duration
	Start  time.Time
	// Pressure is how many drops a second of the stage's own count as a flood that is
	// held, 10.
	Pressure float64
}

func (c *Config) defaults() {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&c.Step, time.Minute)
	def(&c.Calm, 2*time.Minute)
	def(&c.Remember, 15*time.Minute)
	def(&c.Lost, 15*time.Minute)
	def(&c.Settle, 10*time.Minute)
	if c.Highest == haechi.StageWatch {
		c.Highest = haechi.StageCookies
	}
	c.Highest = min(c.Highest, haechi.StageKnown)
	if c.Pressure <= 0 {
		c.Pressure = 10
	}
}

// The bounds of an operator's stage.
const (
	DefaultFor = 10 * time.Minute
	LongestFor = 24 * time.Hour
)

// helps is the last stage that does something against a class of flood, and whether the
// class is one.
func helps(detector string) (haechi.Stage, bool) {
	switch detector {
	case "host_syn", "syn_flood", "http_flood", "slow_http":
		return haechi.StageKnown, true
	case "host_udp", "udp_flood", "amplification":
		return haechi.StageCookies, true
	case "host_icmp", "host_fragments", "icmp_flood", "fragment_flood", "bandwidth":
		return haechi.StageTighten, true
	}
	return 0, false
}
