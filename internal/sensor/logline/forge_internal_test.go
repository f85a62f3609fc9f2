package logline

import (
	"net/netip"
	"strings"
	"testing"
)

// drawn is a template by chance, and texts for its places.
type drawn struct {
	script []byte
	all    []token
}

func (d *drawn) next(n int) int {
	if len(d.script) == 0 {
		return 0
	}
	c := int(d.script[0])
	d.script = d.script[1:]
	return c % n
}

// template draws one that names one address: texts and places by turns.
func (d *drawn) template() string {
	literals := []string{" ", " from ", " by ", ", y=", `"`, `" `, ` "`, "] [", ": "}
	names := placeNames()
	places := []string{"word", "word", "any", "any", "user", "number", "quoted", names[1+d.next(len(names)-1)]}
	out := []string{"login ", "fail", ""}[d.next(3)]
	n := 1 + d.next(5)
	for i, at := 0, d.next(n); i < n; i++ {
		name := places[d.next(len(places))]
		if i == at {
			name = []string{"source", "source", "endpoint"}[d.next(3)]
		}
		out += "{" + name + "}"
		if i < n-1 || d.next(2) == 0 {
			out += literals[d.next(len(literals))]
		}
	}
	return out
}

// line writes what a server would log about an address, with a client's text in the places
// that may be his. A server escapes what it quotes.
func (d *drawn) line(address string, texts func() string) string {
	var b strings.Builder
	for _, k := range d.all {
		switch p := k.place; {
		case p == literal:
			b.Write(k.text)
		case p == source:
			b.WriteString(address)
		case p == sourceEnd:
			b.WriteString(address + ":9")
		case p == target:
			b.WriteString("192.0.2.1")
		case p == targetEnd:
			b.WriteString("192.0.2.1:9")
		case p == quoted:
			b.WriteString(strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(texts()))
		case p.worded() || p.free():
			b.WriteString(texts())
		default:
			b.WriteString("7")
		}
	}
	return b.String()
}

const (
	seenAddress   = "203.0.113.7"
	blamedAddress = "198.51.100.1"
)

// forge writes a line about one address with texts made to blame another, and reports what
// blamed it. passes says which templates are looked at.
func forge(script []byte, cuts [4]uint8, own string, passes func(*template) bool) (blamed, text, line string) {
	d := &drawn{script: script}
	text = d.template()
	all, err := tokens(text)
	if err != nil {
		return "", text, ""
	}
	tpl, err := parse(text)
	if err != nil || !passes(&tpl) {
		return "", text, ""
	}
	d.all = all
	cut := func(i, j uint8) string { // from one token to another
		from, to := int(i)%(len(all)+1), int(j)%(len(all)+1)
		part := &drawn{all: all[min(from, to):max(from, to)]}
		return part.line(blamedAddress, func() string { return "u" })
	}
	one, two := cut(cuts[0], cuts[1]), cut(cuts[2], cuts[3])
	choices := []string{one, two, own, own + one, two + own, ""}
	line = d.line(seenAddress, func() string { return choices[d.next(len(choices))] })
	var got fields
	if tpl.match([]byte(line), &got) == fits && got.source == netip.MustParseAddr(blamedAddress) {
		blamed = got.source.String()
	}
	return blamed, text, line
}

// FuzzForgeable: whatever template passes, no text that clients put into its places, words
// included, makes a line about the address that they want to blame.
func FuzzForgeable(f *testing.F) {
	f.Add([]byte("\x00\x05\x01\x0e"), uint8(0), uint8(40), uint8(3), uint8(9), "x")
	f.Fuzz(func(t *testing.T, script []byte, a, b, c, e uint8, own string) {
		if strings.ContainsAny(own, "\r\n") || len(own) > 64 {
			return
		}
		blamed, text, line := forge(script, [4]uint8{a, b, c, e}, own, func(t *template) bool { return t.forgeable(false) == nil })
		if blamed != "" {
			t.Errorf("%q reads %q as a line about %s", text, line, blamed)
		}
	})
}

// The same by chance; and where nothing is refused some templates are forged, so that the
// test is one.
func TestForgeableTemplatesAreRefused(t *testing.T) {
	r := uint64(7)
	draw := func() uint8 {
		r = r*6364136223846793005 + 1442695040888963407
		return uint8(r >> 40)
	}
	wrong := 0
	for range 100_000 {
		script := make([]byte, 28)
		for i := range script {
			script[i] = draw()
		}
		cuts := [4]uint8{draw() % 64, draw() % 64, draw() % 64, draw() % 64}
		if blamed, text, line := forge(script, cuts, "x", func(t *template) bool { return t.forgeable(false) == nil }); blamed != "" {
			t.Fatalf("%q reads %q as a line about %s", text, line, blamed)
		}
		if blamed, _, _ := forge(script, cuts, "x", func(t *template) bool { return true }); blamed != "" {
			wrong++
		}
	}
	if wrong < 100 {
		t.Errorf("only %d of the templates that are refused were forged", wrong)
	}
}
