package required

import (
	"regexp/syntax"
	"slices"
)

// Within returns the expression as it is for texts in which every ASCII character is
// allowed: what needs another is left out. It returns nil if the expression then matches
// nothing. Expressions that tolerate quotes between all letters come to plain words so.
func Within(re *syntax.Regexp, allowed func(ascii rune) bool) *syntax.Regexp {
	switch re.Op {
	case syntax.OpNoMatch:
		return nil
	case syntax.OpLiteral:
		if slices.ContainsFunc(re.Rune, func(r rune) bool { return r < 0x80 && !allowed(r) }) {
			return nil
		}
	case syntax.OpCharClass:
		return classWithin(re, allowed)
	case syntax.OpCapture, syntax.OpPlus:
		sub := Within(re.Sub[0], allowed)
		if sub == nil {
			return nil
		}
		return with(re, sub)
	case syntax.OpStar, syntax.OpQuest, syntax.OpRepeat:
		sub := Within(re.Sub[0], allowed)
		switch {
		case sub != nil:
			return with(re, sub)
		case re.Op == syntax.OpRepeat && re.Min > 0:
			return nil
		}
		return &syntax.Regexp{Op: syntax.OpEmptyMatch}
	case syntax.OpConcat, syntax.OpAlternate:
		return listWithin(re, allowed)
	}
	return re
}

func with(re *syntax.Regexp, subs ...*syntax.Regexp) *syntax.Regexp {
	return &syntax.Regexp{Op: re.Op, Flags: re.Flags, Min: re.Min, Max: re.Max, Cap: re.Cap, Name: re.Name, Sub: subs}
}

func listWithin(re *syntax.Regexp, allowed func(rune) bool) *syntax.Regexp {
	var subs []*syntax.Regexp
	for _, sub := range re.Sub {
		switch s := Within(sub, allowed); {
		case s != nil:
			subs = append(subs, s)
		case re.Op == syntax.OpConcat:
			return nil
		}
	}
	if len(subs) == 0 {
		return nil
	}
	return with(re, subs...)
}

func classWithin(re *syntax.Regexp, allowed func(rune) bool) *syntax.Regexp {
	var kept []rune
	for i := 0; i < len(re.Rune); i += 2 {
		low, high := re.Rune[i], re.Rune[i+1]
		for r := low; r <= high && r < 0x80; r++ {
			if allowed(r) {
				kept = append(kept, r, r)
			}
		}
		if high >= 0x80 {
			kept = append(kept, max(low, 0x80), high)
		}
	}
	if len(kept) == 0 {
		return nil
	}
	return &syntax.Regexp{Op: syntax.OpCharClass, Flags: re.Flags, Rune: kept}
}
