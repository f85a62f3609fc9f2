package iforest

import (
	"errors"
	"fmt"
	"math"
)

// The shape of the trees.
const (
	levels      = 8
	MaxSample   = 1 << levels // the most rows in a tree's sample
	MaxFeatures = 32
	maxTrees    = 1 << 12
)

// Errors of this package.
var (
	ErrShape = errors.New("rows, features or trees out of range")
	ErrData  = errors.New("not a forest")
)

// tree is a full binary tree. Node 1 is the root, the children of i are 2i and 2i+1;
// what would be nodes 256 to 511 are the leaves. size counts the rows of the sample in a
// node, and is what explanations need.
type tree struct {
	threshold [MaxSample]float32
	feature   [MaxSample]uint8
	leaf      [MaxSample]float32 // path length: depth and what the rows left there add
	size      [2 * MaxSample]uint16
}

// Forest is a set of trees over rows of so many features.
type Forest struct {
	trees    []tree
	features int
	sample   int
}

// Features is how many numbers a row has, Trees how many trees there are.
func (f *Forest) Features() int { return f.features }

// Trees is how many trees there are.
func (f *Forest) Trees() int { return len(f.trees) }

// average is the mean path length of an unsuccessful search in a binary search tree of n
// rows, c(n) in the paper.
func average(n int) float64 {
	switch {
	case n <= 1:
		return 0
	case n == 2:
		return 1
	}
	m := float64(n)
	return 2*(math.Log(m-1)+eulerGamma) - 2*(m-1)/m
}

const eulerGamma = 0.57721566490153286060651209

// score turns a sum of path lengths into a score.
func (f *Forest) score(sum float32) float32 {
	return float32(math.Exp2(-float64(sum) / (float64(len(f.trees)) * average(f.sample))))
}

// Node is a node of a tree from elsewhere. Children are indices; a leaf has Left below 0.
// A row goes to the left if its feature is at most the threshold.
type Node struct {
	Feature     int
	Threshold   float64
	Left, Right int
	Size        int // rows of the sample that reached it
}

// FromTrees puts a forest together of trees whose node 0 is the root. Sample is how many
// rows each was grown of, 2 to [MaxSample]. It fails when a tree is deeper than eight
// levels, or is no tree.
func FromTrees(features, sample int, trees [][]Node) (*Forest, error) {
	if features < 1 || features > MaxFeatures || sample < 2 || sample > MaxSample || len(trees) < 1 || len(trees) > maxTrees {
		return nil, ErrShape
	}
	f := &Forest{trees: make([]tree, len(trees)), features: features, sample: sample}
	for i, nodes := range trees {
		if err := f.trees[i].copy(nodes, 0, 1, 0, features); err != nil {
			return nil, fmt.Errorf("tree %d: %w", i, err)
		}
	}
	return f, nil
}

// copy puts the node at index n of nodes, and what is below it, to place at.
func (t *tree) copy(nodes []Node, n, at, depth, features int) error {
	if n < 0 || n >= len(nodes) || depth > levels {
		return ErrShape
	}
	v := &nodes[n]
	if v.Size < 0 || v.Size > MaxSample {
		return ErrShape
	}
	if v.Left < 0 {
		t.setLeaf(at, depth, v.Size)
		return nil
	}
	if depth == levels || v.Feature < 0 || v.Feature >= features {
		return ErrShape
	}
	t.size[at], t.feature[at], t.threshold[at] = uint16(v.Size), uint8(v.Feature), floor(v.Threshold)
	if err := t.copy(nodes, v.Left, 2*at, depth+1, features); err != nil {
		return err
	}
	return t.copy(nodes, v.Right, 2*at+1, depth+1, features)
}

// floor is the greatest float32 that is at most v, so that a float32 is at most v if and
// only if it is at most floor(v).
func floor(v float64) float32 {
	f := float32(v)
	if float64(f) > v {
		f = math.Nextafter32(f, float32(math.Inf(-1)))
	}
	return f
}

// setLeaf makes the place a leaf: all of the way below it goes to the left.
func (t *tree) setLeaf(at, depth, size int) {
	value := float32(float64(depth) + average(size))
	for ; depth < levels; depth, at = depth+1, 2*at {
		t.size[at], t.threshold[at], t.feature[at] = uint16(size), float32(math.Inf(1)), 0
	}
	t.size[at], t.leaf[at-MaxSample] = uint16(size), value
}
