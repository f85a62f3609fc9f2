package rules

import (
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"haechi"
)

// maxCost is the highest cost that an expression may have by CEL's own estimate,
// for the longest texts. A comparison costs about one.
const maxCost = 20_000

// maxText is the length of a text of an event that the estimate assumes, in bytes.
const maxText = 8192

// language is the CEL dialect of the rules: the fields, no macros and so no loops.
type language struct {
	env    *cel.Env
	fields map[string]field // by the name with "event." before it
}

func newLanguage(rollups bool) (*language, error) {
	l := &language{fields: map[string]field{}}
	opts := []cel.EnvOption{cel.ClearMacros()}
	for _, f := range fields() {
		if rollups && !f.roll {
			continue
		}
		name, typ := "event."+f.name, cel.StringType
		switch {
		case f.flag != nil:
			typ = cel.BoolType
		case f.num != nil || f.size != nil:
			typ = cel.IntType
		}
		l.fields[name] = f
		opts = append(opts, cel.Variable(name, typ))
	}
	env, err := cel.NewEnv(opts...)
	l.env = env
	return l, err
}

// expression is a checked expression. It is shared by all shards.
type expression struct {
	lang    *language
	program cel.Program
}

// compile checks types and cost. An empty expression is nil and matches all.
func (l *language) compile(text string) (*expression, error) {
	if strings.TrimSpace(text) == "" {
		return nil, nil
	}
	tree, issues := l.env.Compile(text)
	if err := issues.Err(); err != nil {
		return nil, fmt.Errorf("%s", firstLine(err))
	}
	if t := tree.OutputType(); !t.IsExactType(cel.BoolType) {
		return nil, fmt.Errorf("the expression gives %s, not true or false", t)
	}
	estimate, err := l.env.EstimateCost(tree, sizes{})
	if err != nil {
		return nil, err
	}
	if estimate.Max > maxCost {
		return nil, fmt.Errorf("the expression may cost %d, more than %d: compare instead of searching", estimate.Max, maxCost)
	}
	p, err := l.env.Program(tree, cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil, err
	}
	return &expression{lang: l, program: p}, nil
}

// firstLine takes the sentence out of CEL's drawing.
func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return strings.TrimPrefix(line, "ERROR: ")
}

// sizes tells the cost estimate how long texts are.
type sizes struct{}

// EstimateSize bounds every text by maxText.
func (sizes) EstimateSize(n cost.AstNode) *cost.SizeEstimate {
	if n.Type().IsExactType(types.StringType) && len(n.Path()) > 0 {
		return &cost.SizeEstimate{Min: 0, Max: maxText}
	}
	return nil
}

// EstimateCallCost leaves the cost of functions to CEL.
func (sizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}

// matcher evaluates one expression for one shard. It keeps the last value of each
// text it was asked for, which spares an allocation where values repeat; and all that
// the last evaluation looked at, with its verdict: an event in which that is the same
// gets the same, since an expression knows nothing but its fields.
type matcher struct {
	expr    *expression
	event   *haechi.Event
	last    map[string]boxed
	looked  []looked
	known   bool // looked is all of it, and verdict is right
	verdict bool
}

// maxLooked bounds what is compared: beyond, evaluating is as cheap.
const maxLooked = 8

// looked is a field that was looked at, with its value.
type looked struct {
	field field
	text  string
	num   int64
}

func (l *looked) same(e *haechi.Event) bool {
	switch f := &l.field; {
	case f.flag != nil:
		return f.flag(e) == (l.num != 0)
	case f.num != nil:
		return f.num(e) == l.num
	case f.size != nil:
		return *f.size(e) == l.num
	case f.word != nil:
		return f.word(e) == l.text
	default:
		return *f.text(e) == l.text
	}
}

type boxed struct {
	text string
	val  ref.Val
}

func (x *expression) matcher() *matcher {
	if x == nil {
		return nil
	}
	return &matcher{expr: x, last: map[string]boxed{}}
}

// match reports whether the event satisfies the expression; a nil matcher matches
// all.
func (m *matcher) match(e *haechi.Event) (bool, error) {
	if m == nil {
		return true, nil
	}
	if m.known && m.same(e) {
		return m.verdict, nil
	}
	m.event, m.looked, m.known = e, m.looked[:0], true
	v, _, err := m.expr.program.Eval(m)
	m.event = nil
	if err != nil {
		m.known = false
		return false, err
	}
	m.verdict = v == types.True
	return m.verdict, nil
}

// same reports whether nothing that was looked at has changed.
func (m *matcher) same(e *haechi.Event) bool {
	for i := range m.looked {
		if !m.looked[i].same(e) {
			return false
		}
	}
	return true
}

// note remembers what is looked at.
func (m *matcher) note(f field, text string, num int64) {
	if len(m.looked) == maxLooked {
		m.known = false
		return
	}
	m.looked = append(m.looked, looked{f, text, num})
}

// ResolveName implements CEL's activation: the value of a field.
func (m *matcher) ResolveName(name string) (any, bool) {
	f, ok := m.expr.lang.fields[name]
	switch {
	case !ok:
		return nil, false
	case f.flag != nil:
		is := f.flag(m.event)
		if is {
			m.note(f, "", 1)
		} else {
			m.note(f, "", 0)
		}
		return types.Bool(is), true
	case f.num != nil:
		n := f.num(m.event)
		m.note(f, "", n)
		return types.Int(n), true
	case f.size != nil:
		n := *f.size(m.event)
		m.note(f, "", n)
		return types.Int(n), true
	case f.word != nil:
		return m.box(name, f, f.word(m.event)), true
	}
	return m.box(name, f, *f.text(m.event)), true
}

func (m *matcher) box(name string, f field, text string) ref.Val {
	m.note(f, text, 0)
	if b, ok := m.last[name]; ok && b.text == text {
		return b.val
	}
	b := boxed{text, types.String(text)}
	m.last[name] = b
	return b.val
}

// Parent implements CEL's activation: there is none.
func (m *matcher) Parent() cel.Activation { return nil }
