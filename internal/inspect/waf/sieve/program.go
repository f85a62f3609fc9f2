package sieve

import (
	"regexp/syntax"

	binary "rsc.io/binaryregexp/syntax"
)

// noProgram is a program that matches nothing: what is left of an expression that was
// compiled before, and now cannot be, which does not happen.
func noProgram() *syntax.Prog { return &syntax.Prog{Inst: []syntax.Inst{{Op: syntax.InstFail}}} }

// textProgram compiles an expression as the package regexp does.
func textProgram(expr string) *syntax.Prog {
	tree, err := syntax.Parse("(?sm)"+expr, syntax.Perl)
	if err != nil {
		return noProgram()
	}
	p, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return noProgram()
	}
	return p
}

// binaryProgram compiles as binaryregexp does. Its program is the same but for the
// package that its types are in.
func binaryProgram(expr string) *syntax.Prog {
	tree, err := binary.Parse(expr, binary.Perl)
	if err != nil {
		return noProgram()
	}
	p, err := binary.Compile(tree.Simplify())
	if err != nil {
		return noProgram()
	}
	out := &syntax.Prog{Start: p.Start, NumCap: p.NumCap}
	for _, in := range p.Inst {
		out.Inst = append(out.Inst, syntax.Inst{Op: binaryOp(in.Op), Out: in.Out, Arg: in.Arg, Rune: in.Rune})
	}
	return out
}

// binaryOp is the same operation of the other package. One that is not known fails.
func binaryOp(op binary.InstOp) syntax.InstOp {
	switch op {
	case binary.InstAlt:
		return syntax.InstAlt
	case binary.InstAltMatch:
		return syntax.InstAltMatch
	case binary.InstCapture:
		return syntax.InstCapture
	case binary.InstEmptyWidth:
		return syntax.InstEmptyWidth
	case binary.InstMatch:
		return syntax.InstMatch
	case binary.InstNop:
		return syntax.InstNop
	case binary.InstRune:
		return syntax.InstRune
	case binary.InstRune1:
		return syntax.InstRune1
	case binary.InstRuneAny:
		return syntax.InstRuneAny
	case binary.InstRuneAnyNotNL:
		return syntax.InstRuneAnyNotNL
	}
	return syntax.InstFail
}
