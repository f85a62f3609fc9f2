package httpgate

import (
	"net/http"
	"strconv"
	"strings"

	"haechi"
)

// MaxRanges is how many parts of one answer a request may ask for, and MaxOverlaps how
// many of them may reach into another one: RFC 9110 14.2 lets a server refuse more than
// two that overlap, or many small ones.
const (
	MaxRanges   = 32
	MaxOverlaps = 2 // of parts
)

// ranges is what a Range header asks for.
type ranges struct {
	count    int
	overlaps int  // parts that share a byte with an earlier one, or run backwards
	ignored  bool // not what RFC 9110 14.2 describes: the header is taken out
}

// greedy reports whether the parts are more than may be asked for.
func (a ranges) greedy() bool { return a.count > MaxRanges || a.overlaps > MaxOverlaps }

// span is one part, both ends included; a suffix has its length in last.
type span struct {
	first, last uint64
	suffix      bool
}

const openEnd = 1<<63 - 1 // the last byte, whatever it is

// readRanges reads the values of a Range header. It neither allocates nor looks at
// more than the first MaxRanges parts in detail: the rest is counted.
func readRanges(values []string) (a ranges) {
	if len(values) == 0 {
		return a
	}
	unit, set, ok := strings.Cut(values[0], "=")
	if len(values) > 1 || !ok {
		a.ignored = true // no list header: of several, servers take different ones
		unit, set, _ = strings.Cut(strings.Join(values, ","), "=")
	}
	if !strings.EqualFold(strings.TrimSpace(unit), "bytes") {
		return a // a unit of somebody else's
	}
	var seen [MaxRanges]span
	for part := range strings.SplitSeq(set, ",") {
		if part = strings.Trim(part, " \t"); part == "" {
			continue // RFC 9110 5.6.1: empty elements of a list
		}
		if a.count++; a.count > MaxRanges {
			continue
		}
		s, valid := readSpan(part)
		a.ignored = a.ignored || !valid
		seen[a.count-1] = s
		if valid && s.meets(seen[:a.count-1]) || s.first > s.last {
			a.overlaps++
		}
	}
	a.ignored = a.ignored || a.count == 0
	return a
}

// readSpan reads first-last, first- or -length.
func readSpan(text string) (s span, ok bool) {
	from, to, ok := strings.Cut(text, "-")
	if !ok {
		return s, false
	}
	var err error
	if from == "" {
		s.suffix = true
		s.last, err = strconv.ParseUint(to, 10, 63)
		return s, err == nil && isDigits(to)
	}
	if s.first, err = strconv.ParseUint(from, 10, 63); err != nil || !isDigits(from) {
		return s, false
	}
	if s.last = openEnd; to != "" {
		if s.last, err = strconv.ParseUint(to, 10, 63); err != nil || !isDigits(to) {
			return s, false
		}
	}
	return s, s.first <= s.last // 5-0 is what the tools send
}

func isDigits(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

// meets reports whether the part shares a byte with any of the others. How long the
// answer is is not known here, so a suffix meets only what is open or a suffix too.
func (s span) meets(others []span) bool {
	for _, o := range others {
		switch {
		case s.suffix && o.suffix:
			return true
		case s.suffix || o.suffix:
			if s.last == openEnd || o.last == openEnd {
				return true
			}
		case s.first <= o.last && o.first <= s.last:
			return true
		}
	}
	return false
}

// judgeRanges says what becomes of a request's Range header: greedy ones are refused
// with 416, and one that RFC 9110 does not know is to be dropped, so that no server
// behind is asked to make sense of it.
func judgeRanges(method string, values []string) (v haechi.Verdict, drop bool) {
	a := readRanges(values)
	if a.greedy() {
		v = haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonOversize, Rule: RuleRange,
			Observed: float64(a.count), Threshold: MaxRanges}
		if a.count <= MaxRanges {
			v.Observed, v.Threshold = float64(a.overlaps), MaxOverlaps
		}
		return v, true
	}
	// RFC 9110 14.2: a Range in anything but a GET is ignored.
	return v, a.ignored || method != http.MethodGet && len(values) > 0
}

// withinRanges refuses a greedy Range header, and has a senseless one taken out of
// what goes to the server behind.
func (x *exchange) withinRanges() bool {
	values := x.in.header.values("Range")
	if values == nil {
		return true
	}
	v, drop := judgeRanges(x.in.method, values)
	if v.Action != haechi.Pass {
		x.refuse(v, http.StatusRequestedRangeNotSatisfiable)
		return false
	}
	x.noRange = drop
	return true
}
