package client

// downMemory admits each frame that a server signed once: by its sequence on a
// connection, and by its signature across connections.
type downMemory struct {
	seq  uint64
	seen map[[32]byte]int64 // half of the signature's digits; until when, Unix milliseconds
}

const (
	// window is how far the server's clock may be off, either way, milliseconds.
	window = 300_000
	// maxSeen bounds the memory: 4 MB. Full, it admits nothing until some end.
	maxSeen = 1 << 16
)

func newDownMemory() *downMemory { return &downMemory{seen: map[[32]byte]int64{}} }

// begin starts a connection.
func (d *downMemory) begin() { d.seq = 0 }

// admit is asked about verified frames only, so strangers cannot fill it.
func (d *downMemory) admit(signature []byte, seq uint64, ms, now int64) bool {
	if seq <= d.seq || ms < now-window || ms > now+window {
		return false
	}
	k := [32]byte(signature)
	if until, ok := d.seen[k]; ok && now <= until {
		return false
	}
	if len(d.seen) >= maxSeen {
		d.forget(now)
	}
	if len(d.seen) >= maxSeen {
		return false
	}
	d.seen[k], d.seq = ms+window, seq
	return true
}

func (d *downMemory) forget(now int64) {
	for k, until := range d.seen {
		if now > until {
			delete(d.seen, k)
		}
	}
}
