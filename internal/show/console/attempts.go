package console

import (
	"maps"
	"net/netip"
	"sync"
	"time"
)

// maxClients bounds the clients whose attempts are remembered. Beyond it, all
// further ones share one entry.
const maxClients = 10_000

// attempts limits failed logins for each client. An attempt is charged when it
// begins, so that many at once cannot slip through, and given back on success.
type attempts struct {
	limit  int
	within time.Duration
	mu     sync.Mutex
	recent map[netip.Prefix][]time.Time // the times of failures, at most limit
}

func newAttempts(limit int, within time.Duration) *attempts {
	return &attempts{limit: limit, within: within, recent: map[netip.Prefix][]time.Time{}}
}

// charge begins an attempt. It refuses one beyond the limit and says for how long.
func (a *attempts) charge(client netip.Prefix, now time.Time) (wait time.Duration, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	client = a.entry(client, now)
	kept := a.kept(client, now)
	if len(kept) >= a.limit {
		return kept[0].Add(a.within).Sub(now), false
	}
	a.recent[client] = append(kept, now)
	return 0, true
}

// refund takes back one charge.
func (a *attempts) refund(client netip.Prefix, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if kept := a.kept(client, now); len(kept) > 1 {
		a.recent[client] = kept[:len(kept)-1]
	} else {
		delete(a.recent, client)
	}
}

func (a *attempts) kept(client netip.Prefix, now time.Time) []time.Time {
	all := a.recent[client]
	for len(all) > 0 && now.Sub(all[0]) >= a.within {
		all = all[1:]
	}
	return all
}

// entry is the client's own entry, or the shared one when there is no room.
func (a *attempts) entry(client netip.Prefix, now time.Time) netip.Prefix {
	if _, ok := a.recent[client]; ok || len(a.recent) < maxClients {
		return client
	}
	maps.DeleteFunc(a.recent, func(_ netip.Prefix, times []time.Time) bool {
		return len(times) == 0 || now.Sub(times[len(times)-1]) >= a.within
	})
	if len(a.recent) < maxClients {
		return client
	}
	return netip.Prefix{}
}
