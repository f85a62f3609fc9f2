package ingress

import (
	"sync"
	"sync/atomic"
)

// Drains says which servers behind the services get nothing new, and what each has to
// do. It outlives the worlds: a reload forgets no drain, a restart does. It keeps a mark
// for every server that a configuration ever named while the program runs, which only
// an operator's files make more of. It is safe for concurrent use; the zero value is
// ready.
type Drains struct {
	mu    sync.Mutex
	marks map[serverKey]*Mark
}

type serverKey struct{ service, server string }

// Mark is what is known of one server beyond whether it answers.
type Mark struct {
	drained atomic.Bool
	busy    atomic.Int64
}

// Of is the mark of a service's server, one for as long as the program runs.
func (d *Drains) Of(service, server string) *Mark {
	d.mu.Lock()
	defer d.mu.Unlock()
	k := serverKey{service, server}
	m, ok := d.marks[k]
	if !ok {
		if d.marks == nil {
			d.marks = map[serverKey]*Mark{}
		}
		m = &Mark{}
		d.marks[k] = m
	}
	return m
}

// Drained reports whether the server is to get nothing new.
func (m *Mark) Drained() bool { return m.drained.Load() }

// Drain says whether it is. What it has under way goes on.
func (m *Mark) Drain(on bool) { m.drained.Store(on) }

// Busy is how many requests and upgraded connections the server has under way.
func (m *Mark) Busy() int64 { return max(0, m.busy.Load()) }

// Begin counts one more, End one less.
func (m *Mark) Begin() { m.busy.Add(1) }

// End counts one less.
func (m *Mark) End() { m.busy.Add(-1) }
