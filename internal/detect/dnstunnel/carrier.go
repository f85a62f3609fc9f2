package dnstunnel

import (
	"math"
	"strings"
	"time"

	"haechi"
	"haechi/internal/brick/tally"
	"haechi/internal/detect"
)

// carrier is what one client asked below one domain in the window.
type carrier struct {
	begin, since time.Time // of the evidence; of the window
	lookups      uint32
	types        [classes]uint32
	fresh        uint32 // names met for the first time
	sub          uint64 // their bytes below the domain
	encoded      uint32 // so many of them look encoded
	binary       uint32 // and so many hold bytes that are no host name's
	bytes        uint64 // of flows that are no DNS
	seen         tally.Set
	proved       bool
	attack       detect.Attack
}

// The classes of types. The ones below carrying carry bytes that the asker or answerer
// chooses.
const (
	other   = iota
	text    // TXT
	alias   // CNAME
	mail    // MX
	service // SRV
	strange // NULL, KEY, private use
	classes
)

func classOf(typ string) int {
	switch typ {
	case "TXT":
		return text
	case "CNAME":
		return alias
	case "MX":
		return mail
	case "SRV":
		return service
	case "NULL", "KEY", "PRIVATE", "TYPE10", "TYPE25", "TYPE65399", "10", "25", "65399":
		return strange
	}
	return other
}

// ordinary lookups carry nothing, whatever their names look like.
func ordinary(e *haechi.Event) bool {
	if e.Protocol != "" && e.Protocol != "dns" || e.LocalPort == 5353 || e.LocalPort == 5355 || e.LocalPort == 137 || e.Target.IsMulticast() {
		return true
	}
	for _, a := range e.Answers {
		if a.Is4() && a.IsLoopback() {
			return true
		}
	}
	name := strings.TrimSuffix(e.Name, ".")
	for _, end := range [...]string{".arpa", ".local"} {
		if n := len(name) - len(end); n >= 0 && strings.EqualFold(name[n:], end) {
			return true
		}
	}
	return false
}

// turn begins a new window when the old one is over.
func (c *carrier) turn(at time.Time, window time.Duration, fresh bool) {
	if !fresh && at.Sub(c.since) <= window {
		return
	}
	attack := c.attack
	*c = carrier{begin: at, since: at, attack: attack}
}

func (c *carrier) add(e *haechi.Event, sub string) {
	c.lookups += uint32(min(e.N(), math.MaxUint16))
	c.types[classOf(e.Type)]++
	c.proved = c.proved || e.Assurance >= haechi.Handshaken
	if !c.seen.Add(tally.Hash(0, sub, true)) {
		return
	}
	c.fresh++
	c.sub += uint64(len(sub))
	enc, bin := look(sub)
	if enc {
		c.encoded++
	}
	if bin {
		c.binary++
	}
}

// length is the mean length of a name below the domain, in bytes.
func (c *carrier) length() float64 { return float64(c.sub) / float64(max(c.fresh, 1)) }

// carrying is the share of questions of types that carry bytes.
func (c *carrier) carrying() float64 {
	var all uint32
	for _, n := range c.types {
		all += n
	}
	return 1 - float64(c.types[other])/float64(max(all, 1))
}
