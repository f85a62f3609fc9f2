package app

import (
	"net/netip"
	"sync"
	"time"

	"haechi/internal/brick/lru"
)

// The bounds of who is known: what is idle for an hour may go for others.
const (
	knownClients = 65_536
	knownIdle    = time.Hour
)

// acquaintances are the clients that completed a handshake, and since when.
type acquaintances struct {
	mu    sync.Mutex
	since *lru.Table[netip.Prefix, int64] // in ns since 1970
}

func newAcquaintances() *acquaintances {
	return &acquaintances{since: lru.New[netip.Prefix, int64](knownClients, int64(knownIdle), lru.Prefix)}
}

// met notes a client, and says since when it is known. Who finds no room is as new as
// others.
func (a *acquaintances) met(client netip.Prefix, now time.Time) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	at, fresh := a.since.Use(client, now.UnixNano())
	if at == nil {
		return now
	}
	if fresh {
		*at = now.UnixNano()
	}
	return time.Unix(0, *at)
}

// before are those that are known since before then.
func (a *acquaintances) before(then time.Time) (out []netip.Prefix) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for client, at := range a.since.All() {
		if *at < then.UnixNano() {
			out = append(out, client)
		}
	}
	return out
}

// count is how many are known, and how many found no room.
func (a *acquaintances) count() (known int, refused uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.since.Len(), a.since.Refused()
}
