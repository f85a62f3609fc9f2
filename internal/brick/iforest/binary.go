package iforest

import (
	"encoding/binary"
	"math"
)

// What is written begins with these.
const (
	magicForest = "iforest1"
	magicWindow = "ifwindw1"
	isLeaf      = 0xff
)

// MarshalBinary implements encoding.BinaryMarshaler.
func (f *Forest) MarshalBinary() ([]byte, error) { return f.append([]byte(magicForest)), nil }

func (f *Forest) append(b []byte) []byte {
	b = append(b, byte(f.features))
	b = binary.LittleEndian.AppendUint16(b, uint16(f.sample))
	b = binary.LittleEndian.AppendUint16(b, uint16(len(f.trees)))
	for i := range f.trees {
		b = f.trees[i].append(b, 1)
	}
	return b
}

func (t *tree) append(b []byte, at int) []byte {
	if at >= MaxSample || t.threshold[at] > maxFinite {
		return binary.LittleEndian.AppendUint16(append(b, isLeaf), t.size[at])
	}
	b = binary.LittleEndian.AppendUint16(append(b, t.feature[at]), t.size[at])
	b = binary.LittleEndian.AppendUint32(b, math.Float32bits(t.threshold[at]))
	return t.append(t.append(b, 2*at), 2*at+1)
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler. Its error is [ErrData].
func (f *Forest) UnmarshalBinary(b []byte) error {
	r := reader{b: b}
	g := r.forest(magicForest)
	if r.bad || len(r.b) > 0 {
		return ErrData
	}
	*f = *g
	return nil
}

// reader takes numbers off bytes; after the first that is not there it is bad.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if r.bad || len(r.b) < n {
		r.bad = true
		return make([]byte, n)
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) u8() int  { return int(r.take(1)[0]) }
func (r *reader) u16() int { return int(binary.LittleEndian.Uint16(r.take(2))) }
func (r *reader) u32() int { return int(binary.LittleEndian.Uint32(r.take(4))) }
func (r *reader) float() float32 {
	return math.Float32frombits(binary.LittleEndian.Uint32(r.take(4)))
}

func (r *reader) forest(magic string) *Forest {
	if string(r.take(len(magic))) != magic {
		r.bad = true
	}
	f := &Forest{features: r.u8(), sample: r.u16()}
	n := r.u16()
	if f.features < 1 || f.features > MaxFeatures || f.sample < 2 || f.sample > MaxSample || n < 1 || n > maxTrees || len(r.b) < 3*n {
		r.bad = true
		return f
	}
	f.trees = make([]tree, n)
	for i := range f.trees {
		if r.tree(&f.trees[i], 1, 0, f.features); r.bad {
			break
		}
	}
	return f
}

func (r *reader) tree(t *tree, at, depth, features int) {
	feature, size := r.u8(), r.u16()
	if feature == isLeaf && size <= MaxSample && !r.bad {
		t.setLeaf(at, depth, size)
		return
	}
	cut := r.float()
	if r.bad = r.bad || feature >= features || size > MaxSample || depth == levels || !(cut <= maxFinite); r.bad {
		return
	}
	t.size[at], t.feature[at], t.threshold[at] = uint16(size), uint8(feature), cut
	r.tree(t, 2*at, depth+1, features)
	r.tree(t, 2*at+1, depth+1, features)
}

// MarshalBinary implements encoding.BinaryMarshaler: a window that is read again goes on
// as this one would.
func (w *Window) MarshalBinary() ([]byte, error) {
	b := []byte(magicWindow)
	for _, n := range []int{w.cfg.Trees, w.cfg.Sample, w.every, w.grower.features, len(w.rows) / w.grower.features, w.kept, w.next, w.waits, w.turn} {
		b = binary.LittleEndian.AppendUint32(b, uint32(n))
	}
	state, err := w.grower.rng.MarshalBinary()
	if err != nil {
		return nil, err
	}
	b = append(append(b, byte(len(state))), state...)
	for _, v := range w.rows[:w.kept*w.grower.features] {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	if w.forest != nil {
		b = w.forest.append(append(b, magicForest...))
	}
	return b, nil
}

// UnmarshalBinary implements encoding.BinaryUnmarshaler. Its error is [ErrData]; then the
// window is as before.
func (w *Window) UnmarshalBinary(b []byte) error {
	r := reader{b: b}
	if string(r.take(len(magicWindow))) != magicWindow {
		return ErrData
	}
	cfg := Config{Trees: r.u32(), Sample: r.u32()}
	every, features, rows := r.u32(), r.u32(), r.u32()
	kept, next, waits, turn := r.u32(), r.u32(), r.u32(), r.u32()
	if features < 1 || kept > rows || len(r.b)/4/features < kept {
		return ErrData
	}
	n, err := NewWindow(cfg, features, rows, every)
	if r.bad || err != nil || next >= rows || turn >= cfg.Trees || kept < rows && next != kept {
		return ErrData
	}
	n.kept, n.next, n.waits, n.turn = kept, next, waits, turn
	if err := n.grower.rng.UnmarshalBinary(r.take(r.u8())); err != nil || !r.window(n) {
		return ErrData
	}
	*w = *n
	return nil
}

// window reads rows and forest, and reports whether all is as it must be.
func (r *reader) window(w *Window) bool {
	for i := range w.rows[:w.kept*w.grower.features] {
		w.rows[i] = r.float()
	}
	if w.kept < w.cfg.Sample {
		return !r.bad && len(r.b) == 0
	}
	w.forest = r.forest(magicForest)
	return !r.bad && len(r.b) == 0 && w.forest.features == w.grower.features && w.forest.sample == w.cfg.Sample && len(w.forest.trees) == w.cfg.Trees
}
