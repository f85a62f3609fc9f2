package haechi

import "time"

// Closeup says of whom the live sensor keeps packets, since a grave incident.
type Closeup struct {
	About    Scope     `json:"haechi.scope"`
	Incident Reference `json:"haechi.incident.id"`
	Since    time.Time `json:"event.start"`
	Until    time.Time `json:"event.end"` // nothing more is kept after it; what is kept stays
	Seen     uint64    `json:"seen"`      // packets since then
	Kept     uint64    `json:"kept"`      // the newest of them
	Bytes    uint64    `json:"bytes"`     // that they take
}

// Packets are those of one close-up, as a capture (pcap).
type Packets struct {
	About   Scope  `json:"haechi.scope"`
	Packets int    `json:"packets"`
	Capture []byte `json:"capture"`
}
