package ttlmap

import "time"

// The entries form a binary heap by their end, so that what ends first is always
// at index 0, and the index map follows every move. It is written out instead of
// using container/heap because that one boxes every entry it moves.

func (m *Map[K, V]) set(key K, value V, until time.Time) {
	i, known := m.at[key]
	if !known {
		i = len(m.heap)
		m.heap = append(m.heap, entry[K, V]{key: key})
		m.at[key] = i
	}
	m.heap[i].value, m.heap[i].until = value, until
	m.down(m.up(i))
}

func (m *Map[K, V]) remove(i int) {
	last := len(m.heap) - 1
	delete(m.at, m.heap[i].key)
	if i != last {
		m.heap[i] = m.heap[last]
		m.at[m.heap[i].key] = i
	}
	m.heap[last] = entry[K, V]{}
	m.heap = m.heap[:last]
	if i != last {
		m.down(m.up(i))
	}
}

func (m *Map[K, V]) up(i int) int {
	for i > 0 {
		parent := (i - 1) / 2
		if !m.before(i, parent) {
			break
		}
		m.swap(i, parent)
		i = parent
	}
	return i
}

func (m *Map[K, V]) down(i int) {
	for {
		first := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(m.heap); child++ {
			if m.before(child, first) {
				first = child
			}
		}
		if first == i {
			return
		}
		m.swap(i, first)
		i = first
	}
}

func (m *Map[K, V]) before(i, j int) bool { return m.heap[i].until.Before(m.heap[j].until) }

func (m *Map[K, V]) swap(i, j int) {
	m.heap[i], m.heap[j] = m.heap[j], m.heap[i]
	m.at[m.heap[i].key], m.at[m.heap[j].key] = i, j
}
