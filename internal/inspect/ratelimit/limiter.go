package ratelimit

import (
	"sync/atomic"
	"time"

	"haechi"
	"haechi/internal/brick/gcra"
)

// Limiter judges by the limits of all services. It is safe for concurrent use.
type Limiter struct {
	hash     gcra.Hasher
	origin   atomic.Pointer[time.Time]
	services map[string]*service
}

type service struct {
	pause           time.Duration
	device, address *limit
	all             *limit
	in, out         *limit // of bytes
	cost            *limit // of upstream time
	classes, routes map[string]*limit
}

// moment is a time on both clocks: windows run on the monotonic one, so that no
// clock step, time zone or leap repeats or skips one (F12).
type moment struct {
	wall time.Time
	mono int64 // nanoseconds
}

// New returns an inspector of the limits, by service name. A service that is not
// there has none. All memory is taken now.
func New(cfg Config) *Limiter {
	l := &Limiter{hash: gcra.NewHasher(), services: make(map[string]*service, len(cfg.Services))}
	clients, devices := cfg.Capacity, cfg.DeviceCapacity
	if clients <= 0 {
		clients = DefaultCapacity
	}
	if devices <= 0 {
		devices = DefaultDeviceCapacity
	}
	for name, s := range cfg.Services {
		at := &service{
			pause:   s.Pause,
			device:  newLimit("limit/device", s.Device, devices),
			address: newLimit("limit/address", s.Address, clients),
			classes: make(map[string]*limit, len(s.Classes)),
			routes:  make(map[string]*limit, len(s.Routes)),
			all:     newLimit("limit/service", s.All, 1),
			in:      newBytes("limit/bytes-in", s.In, s.Bytes, clients),
			out:     newBytes("limit/bytes-out", s.Out, s.Bytes, clients),
			cost:    newCost(s.Cost, clients),
		}
		for class, c := range s.Classes {
			if made := newLimit("limit/class/"+class, c, clients); made != nil {
				at.classes[class] = made
			}
		}
		for route, c := range s.Routes {
			if made := newLimit("limit/route"+route, c, clients); made != nil {
				at.routes[route] = made
			}
		}
		l.services[name] = at
	}
	return l
}

// Inspect counts the connection, request or message and answers. A refusal is a
// Deny whose Delay is the Retry-After. A Throttle asks the gate to hold a device's
// message for Delay and then to let it pass: it is counted already.
func (l *Limiter) Inspect(r *haechi.Request, now time.Time) haechi.Verdict {
	s := l.services[r.Service]
	if s == nil || r.Actor.Allowed {
		return haechi.Verdict{}
	}
	at := moment{wall: now, mono: l.mono(now)}
	if r.Kind == haechi.KindMessage && r.Actor.Assurance == haechi.Authenticated && r.Actor.Device != "" {
		return l.judgeDevice(s, r.Actor, at)
	}
	v := l.judgeClient(s.narrowest(r), r.Actor, at)
	if r.Kind == haechi.KindConnect && s.all != nil && !v.Refuses() {
		if all := s.all.judge(0, at, 1, 0, func() string { return source(r.Actor) }); all.Action != haechi.Pass {
			return all
		}
	}
	return v
}

// narrowest is the one limit that counts for the request: its route's own, else its
// class's, else the service's for an address. A narrower one takes the place of a wider
// one, so that numbers never contradict each other (F75).
func (s *service) narrowest(r *haechi.Request) *limit {
	if r.Kind != haechi.KindRequest {
		return s.address
	}
	if r.Route != "" {
		if own := s.routes[r.Route]; own != nil {
			return own
		}
	}
	if r.Class != "" {
		if own := s.classes[r.Class]; own != nil {
			return own
		}
	}
	return s.address
}

func (l *Limiter) judgeDevice(s *service, a *haechi.Actor, at moment) haechi.Verdict {
	if s.device == nil {
		return haechi.Verdict{}
	}
	return s.device.judge(l.hash.String(a.Device), at, 1, s.pause, func() string { return "device:" + a.Device })
}

// judgeClient never asks for a pause: a connection or request that waits costs the
// gateway more than one that is refused.
func (l *Limiter) judgeClient(on *limit, a *haechi.Actor, at moment) haechi.Verdict {
	if on == nil {
		return haechi.Verdict{}
	}
	return on.judge(l.hash.Prefix(a.Client), at, 1, 0, func() string { return source(a) })
}

// source names the client in a reference.
func source(a *haechi.Actor) string {
	return haechi.Scope{Kind: haechi.ScopeAddress, Prefix: a.Client}.String()
}

// Pace charges bytes that the client sent to the service or, with out, is sent. The
// size is a multiple of [Unit]. A Throttle asks to wait for its delay before they go on:
// they are charged already. A Deny means that they would have to wait for longer than
// the service's pause.
func (l *Limiter) Pace(service string, a *haechi.Actor, out bool, size int, now time.Time) haechi.Verdict {
	s := l.services[service]
	if s == nil || a.Allowed || size < Unit {
		return haechi.Verdict{}
	}
	on := s.in
	if out {
		on = s.out
	}
	if on == nil {
		return haechi.Verdict{}
	}
	return on.judge(l.hash.Prefix(a.Client), moment{wall: now, mono: l.mono(now)}, uint32(size/Unit), s.pause, func() string { return source(a) })
}

// mono counts from the first call's time. Sub uses the monotonic readings when
// both times have one.
func (l *Limiter) mono(now time.Time) int64 {
	origin := l.origin.Load()
	if origin == nil {
		first := now // a copy, so that only the first call allocates
		l.origin.CompareAndSwap(nil, &first)
		origin = l.origin.Load()
	}
	return int64(now.Sub(*origin))
}
