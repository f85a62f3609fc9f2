package hostflood

import (
	"encoding/json"
	"fmt"
	"time"

	"haechi"
	"haechi/internal/brick/lru"
	"haechi/internal/brick/usual"
	"haechi/internal/detect"
)

// Bandwidth finds interfaces that move more than they should.
type Bandwidth struct {
	rule    detect.Rule
	cfg     BandwidthConfig
	lines   *lru.Table[way, traffic]
	learned map[way]usual.Habit // of an earlier run, until the interface is seen
	keep    func([]byte)
}

// ways is how many interfaces with a direction there is room for.
const ways = 128

// accept is after how many hours in a row what was found is the habit.
const accept = 72

// way is an interface with a direction.
type way struct {
	name string
	out  bool
}

func (w way) hash(h lru.Hash) lru.Hash {
	if w.out {
		h = h.Number(1)
	}
	return h.Text(w.name)
}

// String is how it is told: "eth0 in".
func (w way) String() string {
	if w.out {
		return w.name + " out"
	}
	return w.name + " in"
}

// traffic is what went one way.
type traffic struct {
	bytes, packets seconds
	hour           int64   // since 1970
	top            float64 // the most of this hour, bytes a second in the mean of the window
	told           bool    // something was found in this hour, which is then not learned
	streak         int     // such hours in a row
	habit          usual.Habit
	attack         ongoing
}

// NewBandwidth returns a detector of bandwidth.
func NewBandwidth(rule detect.Rule, _ detect.Site, cfg BandwidthConfig) *Bandwidth {
	return &Bandwidth{rule: rule, cfg: cfg, lines: lru.New[way, traffic](ways, int64(24*time.Hour), way.hash), learned: map[way]usual.Habit{}}
}

// Refused counts the interfaces that found no room.
func (d *Bandwidth) Refused() uint64 { return d.lines.Refused() }

// Observe implements the pipeline's detector.
func (d *Bandwidth) Observe(e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	if e.Kind != haechi.KindCounted || e.Type != haechi.CountedInterface || e.Name == "" {
		return out
	}
	out = d.add(way{e.Name, false}, float64(max(e.BytesIn, 0)), float64(e.PacketsIn), e, out)
	return d.add(way{e.Name, true}, float64(max(e.BytesOut, 0)), float64(e.PacketsOut), e, out)
}

func (d *Bandwidth) add(w way, bytes, packets float64, e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	t, fresh := d.lines.Use(w, e.Time.UnixNano())
	if t == nil {
		return out
	}
	now := e.Time.Unix()
	if fresh {
		t.hour, t.habit = now/3600, d.learned[w]
		delete(d.learned, w)
	}
	d.turn(t, now/3600)
	t.bytes.add(now, e.Duration, bytes)
	t.packets.add(now, e.Duration, packets)
	r := d.read(t, now)
	t.top = max(t.top, t.bytes.sum(now, d.cfg.Window)/d.cfg.Window.Seconds())
	t.told = t.told || r.severity > haechi.Low && r.observed > r.threshold
	return t.attack.judge(&d.rule, w.String(), d.cfg.Window, r, e, out)
}

// turn learns the most of an hour that is over. Hours in which nothing moved are hours in
// which the machine slept, and teach nothing.
func (d *Bandwidth) turn(t *traffic, hour int64) {
	if hour <= t.hour {
		return
	}
	if t.streak++; !t.told {
		t.streak = 0
	}
	if t.top > 0 && (!t.told || t.streak > accept) {
		t.habit.Learn(int(t.hour%24), t.top)
	}
	t.hour, t.top, t.told = hour, 0, false
	if d.keep != nil {
		if b, err := d.MarshalBinary(); err == nil {
			d.keep(b)
		}
	}
}

// read compares the means of the window with the ceilings and with what is usual.
func (d *Bandwidth) read(t *traffic, now int64) reading {
	seconds := d.cfg.Window.Seconds()
	volume, rate := t.bytes.sum(now, d.cfg.Window)/seconds, t.packets.sum(now, d.cfg.Window)/seconds
	line, known := t.habit.Line(int(now/3600%24), d.cfg.Deviations), int64(t.habit.Hours) >= int64(d.cfg.Warm/time.Hour)
	r := reading{observed: volume, threshold: float64(d.cfg.Bytes), kind: "ceiling", severity: haechi.Low}
	if over := rate / float64(d.cfg.Packets) * r.threshold; over > volume {
		r.observed, r.kind = over, "packets"
	}
	if known && volume > line && volume > float64(d.cfg.From) {
		if r.observed > r.threshold {
			r.severity = severity(&d.rule, volume, line)
		}
		r.observed, r.threshold, r.kind = volume, max(line, float64(d.cfg.From)), "unusual"
	}
	r.facts = [3]haechi.Fact{{Name: "volume", Value: volume, Unit: "bytes"}, {Name: "rate", Value: rate}, {Name: "ceiling", Value: float64(d.cfg.Bytes), Unit: "bytes"}}
	return r
}

// Tick implements the pipeline's detector.
func (d *Bandwidth) Tick(now time.Time, out []haechi.Finding) []haechi.Finding {
	for _, t := range d.lines.All() {
		out = t.attack.tick(now, d.cfg.Quiet, out)
	}
	return out
}

// Keep is told what was learned, when it changed.
func (d *Bandwidth) Keep(f func(state []byte)) { d.keep = f }

// saved is what was learned of one way.
type saved struct {
	Name  string
	Out   bool
	Habit usual.Habit
}

// MarshalBinary implements encoding.BinaryMarshaler.
func (d *Bandwidth) MarshalBinary() ([]byte, error) {
	var all []saved
	for w, t := range d.lines.All() {
		all = append(all, saved{w.name, w.out, t.habit})
	}
	return json.Marshal(all)
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler.
func (d *Bandwidth) UnmarshalBinary(b []byte) error {
	var all []saved
	if err := json.Unmarshal(b, &all); err != nil {
		return fmt.Errorf("read what is usual of the interfaces: %w", err)
	}
	for _, s := range all[:min(len(all), ways)] {
		d.learned[way{s.Name, s.Out}] = s.Habit
	}
	return nil
}
