package devicegate_test

import (
	"strings"
	"testing"

	"haechi"
	"haechi/internal/ingress/devicegate"
)

// long is a valid message of exactly so many bytes, line end included.
func long(t *testing.T, p *phone, size int) (m string) {
	t.Helper()
	for n := size / 2; len(m) != size; n += size - len(m) {
		if n < 0 {
			t.Fatalf("no message has %d bytes", size)
		}
		m = p.message("r", strings.Repeat("A", n))
	}
	return m
}

// TestDevicesOwnBound: what the registry says of a device's frames holds beside the
// service's bound, of whichever is less, whole or in pieces.
func TestDevicesOwnBound(t *testing.T) {
	const own = 2000
	for name, tt := range map[string]struct {
		most, size, piece int
		early, refused    bool
	}{
		"just fits":                  {most: own, size: own, piece: own},
		"just fits, byte by byte":    {most: own, size: own, piece: 1},
		"a byte more":                {most: own, size: own + 1, piece: own + 1, refused: true},
		"a byte more, byte by byte":  {most: own, size: own + 1, piece: 1, refused: true},
		"no bound of its own":        {most: 0, size: 100 * own, piece: 4096},
		"a bound beyond the service": {most: 4 << 20, size: 100 * own, piece: 100 * own},
		"early, fits":                {most: own, size: own, piece: own, early: true},
		"early, a byte more":         {most: own, size: own + 1, piece: own + 1, early: true, refused: true},
		"another device's bound":     {most: -1, size: 100 * own, piece: 100 * own},
	} {
		t.Run(name, func(t *testing.T) {
			w, p := newWorld(), newPhone()
			w.sizes = map[string]int{device: tt.most}
			if tt.most < 0 {
				w.sizes = map[string]int{device + "0": own}
			}
			g := w.gate(t, devicegate.Config{}, devicegate.Deps{})
			d := drive(g, w, 1)
			frame, hello := long(t, p, tt.size), p.hello33()
			if tt.early {
				d.feed(hello + frame + p.pong())
			} else {
				d.feed(hello + p.pong())
				for rest := frame; len(rest) > 0; {
					n := min(tt.piece, len(rest))
					d.feed(rest[:n])
					rest = rest[n:]
				}
			}
			if !tt.refused {
				if d.forward.String() != hello+frame || counter(g, "frames_oversize") != 0 {
					t.Errorf("forwarded %d bytes, ended with %+v", d.forward.Len(), d.m.Ending())
				}
				return
			}
			if strings.Contains(d.forward.String(), "AAA") {
				t.Error("it was forwarded")
			}
			refusedWith(t, d, w, haechi.ReasonOversize)
			if e := d.m.Ending(); e.Threshold != own || e.Observed != own+1 && tt.piece > 1 || e.Observed <= own {
				t.Errorf("observed %v of %v", e.Observed, e.Threshold)
			}
			if n := counter(g, "frames_oversize"); n != 1 {
				t.Errorf("counted %d", n)
			}
		})
	}
}

// TestBoundChanges: a bound that is set, raised or taken away counts from the next frame.
func TestBoundChanges(t *testing.T) {
	w, p := newWorld(), newPhone()
	d := drive(w.gate(t, devicegate.Config{}, devicegate.Deps{}), w, 1)
	d.feed(p.hello33() + p.pong())
	for _, most := range []int{0, 5000, 2000, 0, 5000} {
		w.sizes = map[string]int{device: most}
		before := d.forward.Len()
		size := 4000
		if most == 2000 {
			size = 2000
		}
		if d.feed(long(t, p, size)); d.forward.Len() != before+size {
			t.Fatalf("with at most %d: not forwarded, %+v", most, d.m.Ending())
		}
	}
	w.sizes = map[string]int{device: 1000}
	d.feed(long(t, p, 4000))
	refusedWith(t, d, w, haechi.ReasonOversize)
}

func counter(g *devicegate.Gate, name string) (n uint64) {
	for _, c := range g.Stats() {
		if strings.HasSuffix(c.Name, "/"+name) {
			n += c.Value
		}
	}
	return n
}
