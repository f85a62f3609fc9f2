package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Bound is one limit as it counts: what it is of, how much, and which level of the
// configuration says so. Of several levels the narrowest counts: route, class, service;
// what is shared by all services counts besides.
type Bound struct{ Of, Value, Level string }

// Bounds are the limits of an HTTP or other service's clients, in order of precedence.
func (c *Config) Bounds(s *Service) (out []Bound) {
	for _, r := range s.Routes {
		of := fmt.Sprintf("%s (class %s)", r.Path, r.Class)
		switch own, ok := s.Limits.Classes[r.Class]; {
		case r.Rate.Events > 0:
			out = append(out, Bound{of, rate(r.Rate).String(), "route"})
		case ok:
			out = append(out, Bound{of, rate(own).String(), "class"})
		default:
			out = append(out, Bound{of, rate(s.Limits.Address).String(), "service"})
		}
	}
	of := "all else"
	if s.Kind != kindHTTP {
		of = "new connections"
	}
	out = append(out, Bound{of, rate(s.Limits.Address).String(), "service"})
	return append(out, Bound{"connections at once", strconv.Itoa(c.sharedConnections()), "shared"})
}

// sharedConnections is the one cap that counts for all services.
func (c *Config) sharedConnections() (most int) {
	for i := range c.Services {
		most = max(most, c.Services[i].Limits.Connections)
	}
	return most
}

// Warnings are limits that contradict each other: the file says something that never
// counts, or that one client can use up for all.
func (c *Config) Warnings() (out []string) {
	for i := range c.Services {
		s := &c.Services[i]
		at := "services." + s.Name + ".limits."
		if shared := c.sharedConnections(); s.Limits.Connections < shared {
			out = append(out, fmt.Sprintf("%sconnections is %d, but one cap counts for all services, which is %d", at, s.Limits.Connections, shared))
		}
		if all, one := perSecond(s.Limits.NewConnections), perSecond(s.Limits.Address); all > 0 && one > all {
			out = append(out, fmt.Sprintf("%snew_connections (%s, of all clients) is less than %saddress (%s): one client can use it up", at,
				rate(s.Limits.NewConnections), at, rate(s.Limits.Address)))
		}
		out = append(append(out, c.classWarnings(s, at)...), windowWarnings(s.Limits.Device, at)...)
	}
	return out
}

// classWarnings are about limits of classes.
func (c *Config) classWarnings(s *Service, at string) (out []string) {
	for _, class := range slices.Sorted(maps.Keys(s.Limits.Classes)) {
		limit, wide := s.Limits.Classes[class], s.Limits.Address
		of := slices.IndexFunc(s.Routes, func(r Route) bool { return r.Class == class && r.Rate.Events == 0 })
		switch {
		case of < 0 && class != "login": // the shipped default stands in every file
			out = append(out, fmt.Sprintf("%sclasses.%s counts nothing: no route takes its limit from that class", at, class))
		case class == "login" && perSecond(limit) > perSecond(wide):
			out = append(out, fmt.Sprintf("%sclasses.login (%s) is laxer than %saddress (%s), and takes its place on those routes", at, rate(limit), at, rate(wide)))
		}
	}
	return out
}

// windowWarnings find a longer window of a device that a shorter one never lets fill.
func windowWarnings(windows []Rate, at string) (out []string) {
	for _, long := range windows {
		for _, short := range windows {
			if short.Per < long.Per && perSecond(short) < perSecond(long) {
				out = append(out, fmt.Sprintf("%sdevice: %s is never reached, because of %s", at, rate(long), rate(short)))
			}
		}
	}
	return out
}

// perSecond is the sustained rate, 0 for none.
func perSecond(r Rate) float64 {
	if r.Per <= 0 {
		return 0
	}
	return float64(r.Events) * float64(time.Second) / float64(r.Per)
}
