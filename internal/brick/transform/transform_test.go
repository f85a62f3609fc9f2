package transform_test

import (
	"fmt"
	"strings"
	"testing"

	"haechi/internal/brick/transform"
)

// names of every step that Parse knows, each once.
func names() []string {
	return []string{"lowercase", "urlDecodeUni", "htmlEntityDecode", "jsDecode", "cssDecode", "escapeSeqDecode",
		"removeNulls", "removeWhitespace", "compressWhitespace", "replaceComments", "removeCommentsChar", "cmdLine",
		"normalizePath", "normalizePathWin", "utf8toUnicode", "base64Decode", "length"}
}

func texts() []string {
	return []string{"", "a", "+%2", "%u00e9%uFF1Cscript%uzz%41%4g%", "&lt;b&#x41;&notit;&amp", `\u{41}\u0041\x41\101\7778\q\n\`, `\0\41 b\00005a z\` + "\n" + `\g\`,
		`\x41\X42\1234\400\"\?\z`, "a\x00b", " a\u00a0b\u3000c\t\n d\x85\xa0\xff", "a/*b*/c/*d", "a--b<!--c-->#*/d", `C:\Win "D"^ (x) ,; /e`,
		"/a/../b/./c//", ".", "..", "/", "a/.", `..\..\b.txt::$DATA`, "C:/a. /b:c/", " / /. ", "...", "해치 𝕏 \u00e9 \u212a \u0130", "YWJj\nZA==", "YWJ", "!", strings.Repeat("ab", 60)}
}

// same compares one chain on one text with the engine, and checks that a text
// without its triggers keeps all but the case of its letters.
func same(t *testing.T, p *probe, chain []string, text string) {
	t.Helper()
	got, quiet := []byte(text), true
	for _, name := range chain {
		step, ok := transform.Parse(name)
		if !ok {
			t.Fatalf("%s is not known", name)
		}
		needs, always := step.Triggers()
		in := transform.In(got)
		quiet = !always && !in.Meets(&needs)
		next := step.Append(nil, got)
		if quiet && !strings.EqualFold(string(next), string(got)) {
			t.Errorf("%s changes %q without a trigger", name, got)
		}
		got = next
	}
	want := p.ask(t, "t:"+strings.Join(chain, ",t:"), text)
	if string(got) != want {
		t.Errorf("%v of %q: %q, the engine has %q", chain, text, got, want)
	}
}

// TestSteps compares every step, and the chains of the Core Rule Set that are
// longest, with the engine.
func TestSteps(t *testing.T) {
	p := newProbe()
	chains := [][]string{
		{"utf8toUnicode", "urlDecodeUni", "htmlEntityDecode", "jsDecode", "cssDecode", "removeNulls"},
		{"urlDecodeUni", "replaceComments", "removeNulls", "compressWhitespace", "lowercase"},
		{"utf8toUnicode", "urlDecodeUni", "normalizePathWin", "cmdLine"},
	}
	for _, n := range names() {
		chains = append(chains, []string{n})
	}
	for _, chain := range chains {
		for _, text := range texts() {
			same(t, p, chain, text)
		}
	}
}

// TestBestFit asks the engine for every code point of %uXXXX.
func TestBestFit(t *testing.T) {
	p := newProbe()
	for high := range 256 {
		var b strings.Builder
		for low := range 256 {
			fmt.Fprintf(&b, "%%u%02x%02x", high, low)
		}
		same(t, p, []string{"urlDecodeUni"}, b.String())
	}
}

// TestUnknown leaves what it does not know to the engine.
func TestUnknown(t *testing.T) {
	for _, n := range []string{"", "sha1", "hexEncode", "none", "urlDecode"} {
		if _, ok := transform.Parse(n); ok {
			t.Errorf("%q is known", n)
		}
	}
}

// FuzzSteps compares chains of up to four steps with the engine.
func FuzzSteps(f *testing.F) {
	for i, text := range texts() {
		f.Add(uint32(i*7919), text)
	}
	p := newProbe()
	f.Fuzz(func(t *testing.T, pick uint32, text string) {
		if len(text) > 2000 {
			t.Skip()
		}
		all := names()
		var chain []string
		for range 1 + pick%4 {
			pick /= 5
			chain = append(chain, all[pick%uint32(len(all))])
		}
		same(t, p, chain, text)
	})
}
