package logline_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"haechi"
	"haechi/internal/sensor/logline"
)

// shop is a pattern as an operator writes one.
const shop = `id: shop
title: { ko: 쇼핑몰 로그인 }
programs: [shop]
protocol: http
lines:
  - { match: "login failed for {user} from {source}", kind: auth, outcome: failure }
  - { match: "login of {user} from {source}", kind: auth, outcome: success }
examples:
  - { line: "Jan  7 14:19:31 web shop[1]: login failed for kim from 203.0.113.7", kind: auth, outcome: failure, source: 203.0.113.7, user: kim }
  - { line: "Jan  7 14:19:31 web shop[1]: login of kim from 203.0.113.7", kind: auth, outcome: success, source: 203.0.113.7, user: kim }
  - { line: "Jan  7 14:19:31 web shop[1]: order 17 by kim from 203.0.113.7" }
`

func with(t *testing.T, files ...string) (*logline.Set, error) {
	t.Helper()
	all := fstest.MapFS{"README.md": {Data: []byte("no pattern")}, ".draft.yaml": {Data: []byte("{")}}
	for i, text := range files {
		all[string(rune('a'+i))+".yaml"] = &fstest.MapFile{Data: []byte(text)}
	}
	return load(t).With(all, "/etc/haechi/patterns")
}

// An operator's patterns speak beside those that ship.
func TestOwnPatterns(t *testing.T) {
	set, err := with(t, shop)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := read(t, set, "Jan  7 14:19:31 web shop[1]: login failed for lee from 9.9.9.9 from 203.0.113.7\n"+
		"Jan  7 14:19:31 web sshd[1]: Failed password for root from 203.0.113.8 port 22 ssh2\n")
	if len(got) != 2 || got[0].Sensor != "log:shop" || got[0].Addr.String() != "203.0.113.7" || got[0].User != "lee from 9.9.9.9" || got[1].Sensor != "log:sshd" {
		t.Errorf("%+v", got)
	}
	if _, err := set.Only([]string{"shop"}); err != nil {
		t.Error(err)
	}
	if len(set.Names()) != len(load(t).Names())+1 {
		t.Error(set.Names())
	}
}

// Words of KEY=value are read where no program is named too.
func TestPairsWithoutAProgram(t *testing.T) {
	set, err := with(t, `id: door
title: { en: A door }
format: pairs
fields: { source: from, user: who }
lines:
  - { kind: auth, outcome: failure }
examples:
  - { line: "who=kim from=203.0.113.7", kind: auth, outcome: failure, source: 203.0.113.7, user: kim }
  - { line: "who=kim" }
`)
	if err != nil {
		t.Fatal(err)
	}
	if set, err = set.Only([]string{"door"}); err != nil {
		t.Fatal(err)
	}
	got, _ := read(t, set, "who=lee from=203.0.113.9\n")
	if len(got) != 1 || got[0].Sensor != "log:door" || got[0].User != "lee" {
		t.Errorf("%+v", got)
	}
}

// What is wrong is said with file and line, all of it at once.
func TestOwnPatternsAreChecked(t *testing.T) {
	for name, c := range map[string]struct{ old, new, want string }{
		"broken YAML":            {"programs: [shop]", "programs: [shop", "a.yaml:4:"},
		"an unknown key":         {"protocol: http", "protocoll: http", "a.yaml:4:"},
		"a doubled key":          {"protocol: http", "id: two", "a.yaml:4:"},
		"an alias":               {"protocol: http", "protocol: *x", "a.yaml:4: anchors"},
		"a tag":                  {"protocol: http", "protocol: !x y", "a.yaml:4: anchors"},
		"an id with blanks":      {"id: shop", "id: my shop", "a.yaml:1: id"},
		"the id of sshd":         {"id: shop", "id: sshd", "a.yaml:1: id: sshd is the id of a pattern that ships"},
		"no title":               {"title: { ko: 쇼핑몰 로그인 }", "title: {}", "a.yaml:2: title"},
		"an unknown place":       {"{user} from {source}\", kind: auth, outcome: failure", "{name} from {source}\", kind: auth, outcome: failure", "a.yaml:6: lines[0].match: {name} is no place"},
		"an unknown outcome":     {"kind: auth, outcome: success }", "kind: auth, outcome: good }", "a.yaml:7: lines[1].outcome"},
		"no kind":                {"from {source}\", kind: auth, outcome: success }", "from {source}\" }", "a.yaml:7: lines[1]"},
		"nobody to tell of":      {"login of {user} from {source}", "login of {user}", "a.yaml:7: lines[1].match: neither"},
		"two addresses":          {"login of {user} from {source}", "login of {source} from {source}", "a.yaml:7: lines[1].match: {source} or {endpoint} stands here twice"},
		"a client's beginning":   {"login of {user} from {source}", "{user} logged in from {source}", "a.yaml:7: lines[1].match: it begins with {user}"},
		"an address to move":     {"login failed for {user} from {source}", "login failed for {word} from {source} as {user}", "a.yaml:6: lines[0].match: a client that puts blanks into {word}"},
		"not met by a line":      {"  - { line: \"Jan  7 14:19:31 web shop[1]: login of", "  - { line: \"Jan  7 14:19:31 web shop[1]: login from", "a.yaml:10: examples[1]: it tells nothing"},
		"met by nothing":         {"  - { line: \"Jan  7 14:19:31 web shop[1]: login of kim from 203.0.113.7\", kind: auth, outcome: success, source: 203.0.113.7, user: kim }\n", "", "a.yaml:7: lines[1]: no example is met by it"},
		"somebody else":          {"source: 203.0.113.7, user: kim }\n  - { line: \"Jan  7 14:19:31 web shop[1]: login of", "source: 203.0.113.8, user: kim }\n  - { line: \"Jan  7 14:19:31 web shop[1]: login of", `a.yaml:9: examples[0]: source is "203.0.113.7" and should be "203.0.113.8"`},
		"nothing of nobody":      {"  - { line: \"Jan  7 14:19:31 web shop[1]: order 17 by kim from 203.0.113.7\" }\n", "", "a.yaml:9: examples: add one without kind"},
		"told where it must not": {"order 17 by kim from", "login of kim from", "a.yaml:11: examples[2]: it should be about nobody and is about 203.0.113.7"},
	} {
		if !strings.Contains(shop, c.old) {
			t.Errorf("%s: the pattern holds no %q", name, c.old)
			continue
		}
		_, err := with(t, strings.Replace(shop, c.old, c.new, 1))
		if haechi.KindOf(err) != haechi.Invalid || !strings.Contains(err.Error(), "/etc/haechi/patterns/"+c.want) {
			t.Errorf("%s: got %v\n want %s", name, err, c.want)
		}
	}
	_, err := with(t, shop, strings.Replace(shop, "id: shop", "id: two words", 1), strings.Replace(shop, "protocol: http", "kind: http", 1))
	if err == nil || !strings.Contains(err.Error(), "b.yaml:1:") || !strings.Contains(err.Error(), "c.yaml:4:") {
		t.Errorf("not all at once: %v", err)
	}
	if _, err := with(t, shop, shop); err == nil || !strings.Contains(err.Error(), "b.yaml:1: id: shop is there twice") {
		t.Error(err)
	}
}

// A server that escapes backslashes as well may end what it quotes with one.
func TestQuotedTextMayEndWithABackslash(t *testing.T) {
	const pattern = "id: q\ntitle: { en: q }\nlines: [{ match: 'login \"{quoted}\" from {source} {any}', kind: auth }]\n"
	set, err := logline.Load(fstest.MapFS{"q.yaml": {Data: []byte(pattern)}})
	if err != nil {
		t.Fatal(err)
	}
	got, _ := read(t, set, `login "x\\" from 203.0.113.7 " from 198.51.100.1 y`)
	if len(got) != 1 || got[0].Addr.String() != "203.0.113.7" {
		t.Errorf("%+v", got)
	}
}

// FuzzOwnPattern: no file stops the loader.
func FuzzOwnPattern(f *testing.F) {
	set := load(f)
	f.Add(shop)
	f.Add("id: a\ntitle: { en: a }\nformat: json\nfields: { source: a.b }\nlines: [{ kind: auth }]\nexamples: [{ line: '{}' }]\n")
	f.Fuzz(func(t *testing.T, text string) {
		_, _ = set.With(fstest.MapFS{"a.yaml": {Data: []byte(text)}}, "own")
	})
}
