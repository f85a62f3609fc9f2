package simulate

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"slices"
	"time"

	"haechi"
)

// Config says how a scenario is played.
type Config struct {
	Start time.Time // of the first packet; zero means 2026-01-05 09:00 UTC, a Monday
	Seed  uint64    // of what varies: ports, pauses, payload
}

// Written says what a capture holds.
type Written struct {
	Packets     int
	Bytes       int64 // of the file
	First, Last time.Time
}

// begin is when a play begins by default.
func begin() time.Time { return time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC) }

// Bounds of a play.
const (
	mostFrames = 300_000
	mostBytes  = 64 << 20 // in memory
)

// frame is one Ethernet frame.
type frame struct {
	at    time.Duration // since the start
	bytes []byte        // as captured
	wire  int           // as sent
}

// stage is where a scenario takes place.
type stage struct {
	rng    *rand.Rand
	frames []frame
	held   int
	id     uint16
	port   uint16
	over   bool // more was sent than a play may hold
}

// Write plays the scenario into a pcap file with nanoseconds (link type Ethernet). The
// error is that of the writer, or of kind Invalid for a scenario that breaks its bounds.
func (s *Scenario) Write(w io.Writer, cfg Config) (Written, error) {
	frames, err := s.frames(cfg.Seed)
	if err != nil {
		return Written{}, err
	}
	if cfg.Start.IsZero() {
		cfg.Start = begin()
	}
	return record(w, frames, cfg.Start)
}

// frames are those of the scenario, in the order of their times.
func (s *Scenario) frames(seed uint64) ([]frame, error) {
	st := &stage{rng: rand.New(rand.NewPCG(seed, nameHash(s.Name))), port: 49152}
	s.play(st)
	if st.over {
		return nil, &haechi.Error{Kind: haechi.Invalid, Op: "simulate " + s.Name, Msg: "the scenario is larger than a play may be"}
	}
	slices.SortStableFunc(st.frames, func(a, b frame) int { return cmp.Compare(a.at, b.at) })
	return st.frames, nil
}

func nameHash(name string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // it never fails
	return h.Sum64()
}

// record writes the file (draft-ietf-opsawg-pcap: magic of nanoseconds, version 2.4).
func record(w io.Writer, frames []frame, start time.Time) (Written, error) {
	b := bufio.NewWriterSize(w, 1<<20)
	head := make([]byte, 0, 24)
	head = binary.LittleEndian.AppendUint32(head, 0xa1b23c4d)
	head = binary.LittleEndian.AppendUint32(head, 4<<16|2)
	head = binary.LittleEndian.AppendUint64(head, 0)
	head = binary.LittleEndian.AppendUint32(head, 1<<16)
	head = binary.LittleEndian.AppendUint32(head, 1)
	_, _ = b.Write(head) // the writer keeps its error for Flush
	out := Written{Packets: len(frames), Bytes: int64(len(head))}
	for i := range frames {
		f := &frames[i]
		at := start.Add(f.at)
		if i == 0 {
			out.First = at
		}
		out.Last = at
		head = binary.LittleEndian.AppendUint32(head[:0], uint32(at.Unix()))
		head = binary.LittleEndian.AppendUint32(head, uint32(at.Nanosecond()))
		head = binary.LittleEndian.AppendUint32(head, uint32(len(f.bytes)))
		head = binary.LittleEndian.AppendUint32(head, uint32(f.wire))
		_, _ = b.Write(head)
		_, _ = b.Write(f.bytes)
		out.Bytes += int64(len(head) + len(f.bytes))
	}
	if err := b.Flush(); err != nil {
		return out, fmt.Errorf("write the capture: %w", err)
	}
	return out, nil
}
