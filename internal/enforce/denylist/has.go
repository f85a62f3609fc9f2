package denylist

import "net/netip"

// Has reports whether a list that is not off names the address, also one in shadow and
// also for whom nothing is refused: to be called by somebody on it is worth knowing.
func (l *Lists) Has(a netip.Addr) bool {
	for _, one := range l.all {
		if is := one.now.Load(); is != nil && is.spans.has(a) {
			return true
		}
	}
	return false
}
