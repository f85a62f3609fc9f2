package iforest

// Window is a forest over the newest rows. While it fills it has no forest; then it grows
// one, and from there on one tree anew of the rows in the window each time that so many
// more came, in turn. So it never stops for long: a tree takes some ten microseconds.
type Window struct {
	cfg    Config
	every  int
	rows   []float32 // a ring
	kept   int       // rows in it
	next   int       // where the next row goes
	waits  int       // rows since a tree was grown
	turn   int       // which tree is next
	forest *Forest
	grower *grower
}

// NewWindow makes a window of so many rows, at least the sample of a tree, each of so
// many features, that grows a tree anew every so many rows, at least 1.
func NewWindow(cfg Config, features, rows, every int) (*Window, error) {
	if features < 1 || features > MaxFeatures || cfg.Trees < 1 || cfg.Trees > maxTrees || cfg.Sample < 2 || cfg.Sample > MaxSample ||
		rows < cfg.Sample || rows > maxRows || every < 1 {
		return nil, ErrShape
	}
	return &Window{cfg: cfg, every: every, rows: make([]float32, rows*features), grower: newGrower(cfg.Seed, features)}, nil
}

const maxRows = 1 << 20

// Forest is the forest of the window, nil until a sample's rows came. It changes with
// [Window.Add].
func (w *Window) Forest() *Forest { return w.forest }

// Features is how many numbers a row has.
func (w *Window) Features() int { return w.grower.features }

// Len is how many rows the window holds.
func (w *Window) Len() int { return w.kept }

// Add takes a row in, which has at least the window's features.
func (w *Window) Add(row []float32) {
	features := w.grower.features
	copy(w.rows[w.next*features:(w.next+1)*features], row[:features])
	if w.next++; w.next*features == len(w.rows) {
		w.next = 0
	}
	if w.kept*features < len(w.rows) {
		w.kept++
	}
	w.waits++
	switch {
	case w.forest == nil && w.kept >= w.cfg.Sample:
		w.forest = &Forest{trees: make([]tree, w.cfg.Trees), features: features, sample: w.cfg.Sample}
		for range w.cfg.Trees {
			w.renew()
		}
	case w.forest != nil && w.waits >= w.every:
		w.renew()
	}
}

// renew grows the next tree of the rows that are there.
func (w *Window) renew() {
	w.grower.draw(w.rows, w.kept, w.forest.sample)
	w.grower.grow(&w.forest.trees[w.turn])
	w.turn, w.waits = (w.turn+1)%w.cfg.Trees, 0
}
