package ingress

import (
	"slices"
	"sync/atomic"
)

// Holders are the listeners that hold one address, oldest first: at a reload the next one
// takes over what comes before the last one has let go. Newest may be called by anybody,
// all else needs the mutex of whoever owns the address.
type Holders[L any] struct {
	all    []*L
	newest atomic.Pointer[L]
}

// Push adds a listener, which gets from now on what comes.
func (h *Holders[L]) Push(l *L) {
	h.all = append(h.all, l)
	h.newest.Store(l)
}

// Remove takes a listener out and reports whether it was there.
func (h *Holders[L]) Remove(l *L) bool {
	i := slices.Index(h.all, l)
	if i < 0 {
		return false
	}
	h.all = slices.Delete(h.all, i, i+1)
	var newest *L
	if n := len(h.all); n > 0 {
		newest = h.all[n-1]
	}
	h.newest.Store(newest)
	return true
}

// Newest gets what comes; nil if nobody holds the address.
func (h *Holders[L]) Newest() *L { return h.newest.Load() }

// All are those that hold the address.
func (h *Holders[L]) All() []*L { return h.all }
