package enforce

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"haechi"
)

// Meters say what one source may begin while an attack goes on. It is the same for every
// source, and what is over it is dropped; nobody is banned. The zero value is none.
type Meters struct {
	// SYN and New bound the SYNs of a source whose address nobody has proved yet, and Echo
	// the pings of any source. A Rate without Events bounds nothing.
	SYN  Rate `json:"syn"`
	New  Rate `json:"new"`
	Echo Rate `json:"echo"`
	// Reflection drops UDP from ports of services that answer with more than they are
	// asked, unless this machine asked.
	Reflection bool `json:"reflection,omitempty"`
	// Cookies makes the kernel answer every SYN by a cookie.
	Cookies bool `json:"cookies,omitempty"`
}

// Rate is so many events in a time (a second or a minute), and at most Burst at once.
type Rate struct {
	Events int           `json:"events"`
	Per    time.Duration `json:"per"`
	Burst  int           `json:"burst"`
}

// Check refuses rates that the kernel does not take: at most a million events a second or
// a minute, and as many at once.
func (m *Meters) Check() error {
	for _, r := range []Rate{m.SYN, m.New, m.Echo} {
		if r.Events == 0 && r.Burst == 0 {
			continue
		}
		if r.Events < 1 || r.Events > 1_000_000 || r.Burst < 0 || r.Burst > 1_000_000 || r.Per != time.Second && r.Per != time.Minute {
			return &haechi.Error{Kind: haechi.Invalid, Op: "meter sources", Msg: fmt.Sprintf("%d in %v, %d at once, is no rate", r.Events, r.Per, r.Burst),
				Hint: "write so many a second or a minute, for example 25/min"}
		}
	}
	return nil
}

// Meterer is a place where meters are put into force.
type Meterer interface {
	// SetMeters puts them in the place of those before, at once; none takes all away.
	SetMeters(ctx context.Context, m Meters) error
	// Know exempts sources from SYN and New for so long: those that completed a handshake
	// before the attack.
	Know(ctx context.Context, clients []netip.Prefix, length time.Duration) error
	// Held counts what the meters dropped since they were put into force. It also repairs
	// meters that somebody took away, and errs if it cannot.
	Held(ctx context.Context) ([]haechi.Counter, error)
}

// ReflectionPorts are the ports of services over UDP that answer with more than they are
// asked (US-CERT TA14-017A, CISA): chargen, DNS, TFTP, portmap, NTP, SNMP, CLDAP, RIPv1,
// MS-SQL, NetBIOS, quote of the day, SSDP, Apple Remote Desktop, WS-Discovery, mDNS, memcached.
func ReflectionPorts() []uint16 {
	return []uint16{17, 19, 53, 69, 111, 123, 137, 161, 389, 520, 1434, 1900, 3283, 3702, 5353, 11211}
}
