package haechi

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// MaxHits bounds the hits that a [Hits] holds; what is beyond is counted.
const MaxHits = 24

// Hit is one rule of the web application firewall that matched one variable of a
// request. It holds no value of the request.
type Hit struct {
	// Rule is the rule's id in SecLang, for example 942100; 0 stands for what rules
	// added to the score in ways that belong to no single match.
	Rule int
	// Score is what it added to the request's anomaly score.
	Score int
	// Denies says that the rule refuses by itself, whatever the score.
	Denies bool
	// Excepted says that an operator's exception takes it out of the score.
	Excepted bool
	// Where is the variable, for example "ARGS:q", cut to 64 bytes; numbers of list
	// elements are written "*".
	Where string
	// Shape is the matched part with runs of letters as "x" and of digits as "0", cut
	// to 24 bytes: enough to see what kind of text it was, and not what it said.
	Shape string
	// Usual is set where the parameter holds what it does not usually hold.
	Usual Usual
}

// Usual is what a parameter usually held, in counts, and the length of what it holds now.
type Usual struct {
	Kinds    string // their names with "+" between them
	Requests uint32
	Networks int // about
	Days     int
	Longest  int // bytes
	Length   int // bytes, now
	// Known says that the client has been known for long, so that it adds nothing.
	Known bool
}

func (u *Usual) append(b []byte) []byte {
	known := 0
	if u.Known {
		known = 1
	}
	return fmt.Appendf(b, ",%s;%d;%d;%d;%d;%d;%d", url.PathEscape(u.Kinds), u.Requests, u.Networks, u.Days, u.Longest, u.Length, known)
}

func parseUsual(text string) (u Usual, ok bool) {
	f := strings.Split(text, ";")
	if len(f) != 7 {
		return u, false
	}
	n := [7]int{}
	for i := 1; i < 7; i++ {
		v, err := strconv.ParseUint(f[i], 10, 32)
		if err != nil {
			return u, false
		}
		n[i] = int(v)
	}
	kinds, err := url.PathUnescape(f[0])
	u = Usual{Kinds: kinds, Requests: uint32(n[1]), Networks: n[2], Days: n[3], Longest: n[4], Length: n[5], Known: n[6] == 1}
	return u, err == nil && kinds != ""
}

// Held is what is known of one parameter of a route, in counts.
type Held struct {
	Service string `json:"service"`
	// Route is method and path, with numbers, ids and the like in braces.
	Route string `json:"route"`
	Name  string `json:"name"`
	// Kinds are the known kinds of its values; other values are not usual once it Tells.
	Kinds string `json:"kinds"`
	// New are kinds that were seen and are not known yet.
	New      string    `json:"new,omitempty"`
	Tells    bool      `json:"tells"`
	Requests uint32    `json:"requests"`
	Networks int       `json:"networks"`
	Shortest int       `json:"shortest"`
	Longest  int       `json:"longest"`
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
}

// Hits are all hits of one request, strongest first, with its score.
type Hits struct {
	// Score is the request's anomaly score with what is excepted, Threshold the score
	// that refuses.
	Score, Threshold int
	List             []Hit
	// Omitted counts the hits beyond MaxHits, OmittedScore is what they added.
	Omitted, OmittedScore int
}

// Sort puts the hits in their order and cuts the list to MaxHits.
func (h *Hits) Sort() {
	slices.SortFunc(h.List, func(a, b Hit) int {
		return cmp.Or(boolOrder(b.Denies, a.Denies), cmp.Compare(b.Score, a.Score), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Where, b.Where))
	})
	for len(h.List) > MaxHits {
		last := h.List[len(h.List)-1]
		h.Omitted++
		h.OmittedScore += last.Score
		h.List = h.List[:len(h.List)-1]
	}
}

func boolOrder(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// String is the form that events and records keep: "10/5 942100,5,ARGS:q,x%27_x …", with
// what is usual as a fifth part of a hit that has it; empty without hits.
func (h *Hits) String() string {
	if len(h.List) == 0 {
		return ""
	}
	b := strconv.AppendInt(nil, int64(h.Score), 10)
	b = append(b, '/')
	b = strconv.AppendInt(b, int64(h.Threshold), 10)
	for i := range h.List {
		b = h.List[i].append(append(b, ' '))
	}
	if h.Omitted > 0 {
		b = append(b, " +"...)
		b = strconv.AppendInt(b, int64(h.Omitted), 10)
		b = append(b, ',')
		b = strconv.AppendInt(b, int64(h.OmittedScore), 10)
	}
	return string(b)
}

func (h *Hit) append(b []byte) []byte {
	b = strconv.AppendInt(b, int64(h.Rule), 10)
	b = append(b, ',')
	if h.Excepted {
		b = append(b, '~')
	}
	if h.Denies {
		b = append(b, '!')
	}
	b = strconv.AppendInt(b, int64(h.Score), 10)
	b = append(append(b, ','), url.PathEscape(h.Where)...)
	b = append(append(b, ','), url.PathEscape(h.Shape)...)
	if h.Usual.Kinds != "" {
		b = h.Usual.append(b)
	}
	return b
}

// ParseHits reads what String writes; the empty text is no hits. Errors are of kind
// Invalid.
func ParseHits(text string) (h Hits, err error) {
	if text == "" {
		return h, nil
	}
	head, rest, _ := strings.Cut(text, " ")
	if !pair(head, "/", &h.Score, &h.Threshold) {
		return Hits{}, badHits(text)
	}
	for part := range strings.SplitSeq(rest, " ") {
		if tail, more := strings.CutPrefix(part, "+"); more {
			if !pair(tail, ",", &h.Omitted, &h.OmittedScore) {
				return Hits{}, badHits(text)
			}
			continue
		}
		hit, ok := parseHit(part)
		if !ok || len(h.List) == MaxHits {
			return Hits{}, badHits(text)
		}
		h.List = append(h.List, hit)
	}
	return h, nil
}

func parseHit(text string) (h Hit, ok bool) {
	f := strings.Split(text, ",")
	if len(f) == 5 {
		if h.Usual, ok = parseUsual(f[4]); !ok {
			return h, false
		}
		f = f[:4]
	}
	if len(f) != 4 {
		return h, false
	}
	f[1], h.Excepted = strings.CutPrefix(f[1], "~")
	f[1], h.Denies = strings.CutPrefix(f[1], "!")
	var errs [4]error
	h.Rule, errs[0] = strconv.Atoi(f[0])
	h.Score, errs[1] = strconv.Atoi(f[1])
	h.Where, errs[2] = url.PathUnescape(f[2])
	h.Shape, errs[3] = url.PathUnescape(f[3])
	return h, errs == [4]error{}
}

func pair(text, sep string, a, b *int) bool {
	left, right, ok := strings.Cut(text, sep)
	var e1, e2 error
	*a, e1 = strconv.Atoi(left)
	*b, e2 = strconv.Atoi(right)
	return ok && e1 == nil && e2 == nil
}

func badHits(text string) error {
	return &Error{Kind: Invalid, Op: "parse hits", Msg: "this is no list of hits: " + strconv.Quote(text[:min(len(text), 40)])}
}

// Counts is the score that counts, and whether a rule denies by itself, with what is
// excepted left out.
func (h *Hits) Counts() (score int, denies bool) {
	score = h.Score
	for i := range h.List {
		if h.List[i].Excepted {
			score -= h.List[i].Score
			continue
		}
		denies = denies || h.List[i].Denies
	}
	return score, denies
}

// Refuse reports whether the hits refuse the request.
func (h *Hits) Refuse() bool {
	score, denies := h.Counts()
	return denies || score >= h.Threshold
}

// Minimal are the fewest exceptions with which the hits would not refuse the request,
// strongest first; nil if no exceptions could do that.
func (h *Hits) Minimal() (out []Hit) {
	left := *h
	left.List = append([]Hit(nil), h.List...)
	for i := range left.List { // in their order: what denies, then the strongest
		hit := &left.List[i]
		if !left.Refuse() {
			break
		}
		if hit.Excepted || hit.Rule == 0 || hit.Where == "" {
			continue
		}
		hit.Excepted = true
		out = append(out, *hit)
	}
	if left.Refuse() {
		return nil
	}
	return out
}

// HitRule is what is known of a rule of the web application firewall.
type HitRule struct {
	ID       int      `json:"id"`
	Message  string   `json:"message,omitempty"`
	Severity Severity `json:"severity"`
	// Paranoia is the level from which the rule is asked, 0 if it has none.
	Paranoia int `json:"paranoia,omitempty"`
}
