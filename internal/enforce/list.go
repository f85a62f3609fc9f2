package enforce

import (
	"context"
	"net/netip"
)

// List is a deny list: whoever is on it is dropped without end, besides decisions.
type List struct {
	// Name is that of its counters, as [ListCounter] writes it; empty: it has none.
	Name     string
	Prefixes []netip.Prefix
}

// MostLists bounds how many lists there are at once.
const MostLists = 16

// Lister is an enforcer that holds deny lists.
type Lister interface {
	// Load replaces all lists at once: no packet that is on an old and on a new one finds
	// neither. None takes them away. On an error the old ones stay.
	Load(ctx context.Context, lists ...List) error
}

// ListCounter names the counter of packets that an enforcer drops for a list. Somebody on
// several lists is counted for one of them.
func ListCounter(enforcer, list string) string { return enforcer + "_listed_packets_" + list }
