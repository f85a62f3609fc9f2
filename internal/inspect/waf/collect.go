package waf

import (
	"strings"
	"unicode/utf8"

	"github.com/corazawaf/coraza/v3/types"

	"haechi"
)

const (
	maxWhere = 64 // bytes of a variable's name
	maxShape = 24 // bytes of a masked match
)

// collect turns Coraza's matches into hits whose scores add up to the score.
func (o *Oracle) collect(matched []types.MatchedRule, out *Result) {
	left := out.Score
	for _, m := range matched {
		id := m.Rule().ID()
		out.IDs = append(out.IDs, id)
		k := o.rules[id]
		if k == nil || k.adds == 0 && !k.denies {
			continue
		}
		first := len(out.Hits)
		left -= k.score(m.MatchedDatas(), out)
		if len(out.Hits) > first && k.denies {
			out.Hits[first].Denies = true
		}
	}
	if left != 0 {
		out.Hits = append(out.Hits, haechi.Hit{Score: left})
	}
}

// score adds the rule's hits and returns what they scored. A rule without a chain has
// a hit for each variable. A chain has one for all its variables, since only together
// they matched.
func (k *known) score(all []types.MatchData, out *Result) (sum int) {
	first := len(out.Hits)
	if k.links > 0 {
		h := haechi.Hit{Rule: k.ID}
		for _, d := range all {
			if d.ChainLevel() == k.level {
				h.Score += k.adds
			}
			if d.ChainLevel() == 0 {
				h.Where = join(h.Where, where(d))
				h.Shape = shape(d.Value())
			}
		}
		out.Hits = append(out.Hits, h)
		return h.Score
	}
	for _, d := range all {
		sum += k.adds
		merge(out, first, haechi.Hit{Rule: k.ID, Score: k.adds, Where: where(d), Shape: shape(part(d))})
	}
	return sum
}

// merge adds a hit to those from first on, or to the equal one among them.
func merge(out *Result, first int, h haechi.Hit) {
	for i := range out.Hits[first:] {
		if old := &out.Hits[first+i]; old.Where == h.Where {
			old.Score += h.Score
			return
		}
	}
	out.Hits = append(out.Hits, h)
}

func join(a, b string) string {
	if a == "" || a == b {
		return b
	}
	return cut(a+"+"+b, maxWhere)
}

// where names the variable, with the numbers of list elements as "*": an exception for
// one element is meant for all.
func where(d types.MatchData) string {
	name, key := d.Variable().Name(), d.Key()
	if key == "" {
		return name
	}
	if strings.HasPrefix(key, "json.") {
		key = withoutIndexes(key)
	}
	return cut(name+":"+key, maxWhere)
}

func withoutIndexes(key string) string {
	parts := strings.Split(key, ".")
	for i, p := range parts {
		if p != "" && strings.Trim(p, "0123456789") == "" {
			parts[i] = "*"
		}
	}
	return strings.Join(parts, ".")
}

// part is what matched: what the rule reports of it, or the whole value.
func part(d types.MatchData) string {
	_, rest, ok := strings.Cut(d.Data(), "Matched Data: ")
	if !ok {
		return d.Value()
	}
	if i := strings.Index(rest, " found within "); i >= 0 {
		return rest[:i]
	}
	return rest
}

// shape masks text: runs of letters become "x", of digits "0", of blanks "_", what is
// not ASCII "~" and control characters "^".
func shape(text string) string {
	b := make([]byte, 0, maxShape)
	for i := 0; i < len(text) && len(b) < maxShape; i++ {
		c := mask(text[i])
		if len(b) > 0 && b[len(b)-1] == c && strings.IndexByte("x0_~^", c) >= 0 {
			continue
		}
		b = append(b, c)
	}
	return string(b)
}

func mask(c byte) byte {
	switch {
	case 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z':
		return 'x'
	case '0' <= c && c <= '9':
		return '0'
	case c == ' ' || c == '\t' || c == '\n' || c == '\r':
		return '_'
	case c >= utf8.RuneSelf:
		return '~'
	case c < ' ' || c == 0x7f:
		return '^'
	}
	return c
}

// cut bounds a name that a peer chose, and replaces what no record should hold.
func cut(s string, limit int) string {
	if len(s) > limit {
		for limit > 0 && !utf8.RuneStart(s[limit]) {
			limit--
		}
		s = s[:limit]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == utf8.RuneError {
			return '~'
		}
		return r
	}, s)
}
