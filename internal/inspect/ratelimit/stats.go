package ratelimit

import (
	"maps"
	"slices"

	"haechi"
)

// Stats counts, for every limit, the calls refused and those for whose client
// there was no room, by service and rule: "shop limit/address refused". A count
// without room says that a table is too small: such clients share one limit.
func (l *Limiter) Stats() []haechi.Counter {
	var out []haechi.Counter
	for _, name := range slices.Sorted(maps.Keys(l.services)) {
		for _, at := range l.services[name].limits() {
			s := at.table.Stats()
			out = append(out,
				haechi.Counter{Name: name + " " + at.rule + " refused", Value: s.Refused},
				haechi.Counter{Name: name + " " + at.rule + " without room", Value: s.Overflow})
		}
	}
	return out
}

// limits are those that are on: device, address, service, bytes, cost, then the classes and
// the routes by name.
func (s *service) limits() []*limit {
	all := []*limit{s.device, s.address, s.all, s.in, s.out, s.cost}
	for _, class := range slices.Sorted(maps.Keys(s.classes)) {
		all = append(all, s.classes[class])
	}
	for _, route := range slices.Sorted(maps.Keys(s.routes)) {
		all = append(all, s.routes[route])
	}
	return slices.DeleteFunc(all, func(l *limit) bool { return l == nil })
}
