package devices

import (
	"hash/maphash"
	"net/netip"
	"time"
)

const (
	matRows   = 1 << 13
	matPlaces = 16 // notes of one row
	matMemory = 15 * time.Minute
	notThere  = -1
)

// doormat remembers for a while who came to the door, in 2 MiB whatever comes. The
// notes of one client lie in one row, so that a client that invents devices wipes
// out its own notes and those of one in 8192 other clients.
type doormat struct {
	seed maphash.Seed
	rows [][matPlaces]footprint
}

// footprint is who was there, as a hash, and when, in Unix milliseconds.
type footprint struct {
	who uint64
	at  int64
}

func newDoormat() *doormat {
	return &doormat{seed: maphash.MakeSeed(), rows: make([][matPlaces]footprint, matRows)}
}

// note says how long ago the device was first noted, negative if it was not or too
// long ago, and notes it then. The oldest note of the row makes room.
func (d *doormat) note(client netip.Prefix, key string, now time.Time) time.Duration {
	ms := now.UnixMilli()
	who := maphash.String(d.seed, key) ^ maphash.Comparable(d.seed, client)
	row := &d.rows[maphash.Comparable(d.seed, client)%matRows]
	oldest := 0
	for i := range row {
		if f := row[i]; f.who == who && f.at != 0 && ms-f.at >= 0 && ms-f.at < matMemory.Milliseconds() {
			return time.Duration(ms-f.at) * time.Millisecond
		}
		if row[i].at < row[oldest].at {
			oldest = i
		}
	}
	row[oldest] = footprint{who, ms}
	return notThere
}

// forget wipes the note of a device, so that the next contact is a first one.
func (d *doormat) forget(client netip.Prefix, key string) {
	who := maphash.String(d.seed, key) ^ maphash.Comparable(d.seed, client)
	row := &d.rows[maphash.Comparable(d.seed, client)%matRows]
	for i := range row {
		if row[i].who == who {
			row[i] = footprint{}
		}
	}
}
