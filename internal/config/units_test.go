package config

import (
	"encoding"
	"reflect"
	"strings"
	"testing"

	"haechi"
)

// TestUnits reads and writes what a person spells. want is how it is written
// again; "" means that it must be refused.
func TestUnits(t *testing.T) {
	for _, tt := range []struct {
		into     any
		in, want string
	}{
		{new(duration), "90s", "1m30s"}, {new(duration), "5m", "5m"}, {new(duration), "1h30m", "1h30m"},
		{new(duration), "24h", "1d"}, {new(duration), "2w", "14d"}, {new(duration), "90d", "90d"},
		{new(duration), "0s", "0s"}, {new(duration), "250ms", "250ms"}, {new(duration), "1.5h", "1h30m"}, {new(duration), "36h", "36h"},
		{new(duration), "60", ""}, {new(duration), "-5m", ""}, {new(duration), "5 minutes", ""}, {new(duration), "1ns", ""},
		{new(duration), "", ""}, {new(duration), "9999999999d", ""}, {new(duration), "1.5d", ""}, {new(duration), "-0s", ""},
		{new(size), "100MiB", "100MiB"}, {new(size), "1024KiB", "1MiB"}, {new(size), "1 MiB", "1MiB"}, {new(size), "1000B", "1kB"},
		{new(size), "2GB", "2GB"}, {new(size), "0B", "0B"}, {new(size), "513B", "513B"},
		{new(size), "100", ""}, {new(size), "100M", ""}, {new(size), "-1B", ""}, {new(size), "1.5MiB", ""}, {new(size), "99999999TiB", ""},
		{new(rate), "300/min", "300/min"}, {new(rate), "5/s burst 10", "5/s burst 10"}, {new(rate), "10_000/hour", "10000/h"},
		{new(rate), "100000/d", "100000/day"}, {new(rate), "20/30s", "20/30s"}, {new(rate), "20/60s", "20/min"},
		{new(rate), "0/s", ""}, {new(rate), "-1/s", ""}, {new(rate), "300", ""}, {new(rate), "300/", ""}, {new(rate), "300/month", ""},
		{new(rate), "5/s burst", ""}, {new(rate), "5/s burst 0", ""}, {new(rate), "5/s bursts 3", ""}, {new(rate), "5/0s", ""},
		{new(rate), "9000000/day", ""}, {new(rate), "2000000/s", ""},
		{new(hours), "02:00-06:00", "02:00-06:00"}, {new(hours), "22:00-06:00", "22:00-06:00"}, {new(hours), "00:00-24:00", "00:00-24:00"},
		{new(hours), "2:00-6:00", ""}, {new(hours), "02:00", ""}, {new(hours), "24:00-01:00", ""}, {new(hours), "05:00-05:00", ""}, {new(hours), "02:60-03:00", ""},
		{new(zone), "Asia/Seoul", "Asia/Seoul"}, {new(zone), "Local", "Local"}, {new(zone), "Asia/Nowhere", ""}, {new(zone), "../../etc/passwd", ""}, {new(zone), "", ""},
		{new(network), "203.0.113.10", "203.0.113.10/32"}, {new(network), "::ffff:203.0.113.10", "203.0.113.10/32"},
		{new(network), "2001:db8::/32", "2001:db8::/32"}, {new(network), "10.0.0.1/8", ""}, {new(network), "::ffff:10.0.0.0/104", ""}, {new(network), "10.0.0", ""},
		{new(listen), ":443", ":443"}, {new(listen), "[::1]:80", "[::1]:80"}, {new(listen), "localhost:0", "localhost:0"}, {new(listen), "", ""},
		{new(listen), "443", ""}, {new(listen), ":70000", ""}, {new(listen), ":0443", ""}, {new(listen), "example.com:443", ""}, {new(listen), ":-1", ""},
	} {
		err := tt.into.(encoding.TextUnmarshaler).UnmarshalText([]byte(tt.in))
		if _, isListen := tt.into.(*listen); isListen && tt.in == "" {
			if err != nil {
				t.Error("an empty text must switch a listener off")
			}
			continue
		}
		if (err != nil) != (tt.want == "") {
			t.Errorf("%T %q: %v", tt.into, tt.in, err)
			continue
		}
		if err != nil {
			if m := asMistake(err); m.hint == "" {
				t.Errorf("%T %q: the error says not what to write: %v", tt.into, tt.in, err)
			}
			continue
		}
		if got, err := tt.into.(encoding.TextMarshaler).MarshalText(); err != nil || string(got) != tt.want {
			t.Errorf("%T %q is written %q, want %q", tt.into, tt.in, got, tt.want)
		}
	}
}

func TestClosest(t *testing.T) {
	choices := []string{"listen", "limits", "upstream", "hosts"}
	for word, want := range map[string]string{
		"upstrem": "upstream", "Listen": "listen", "lisetn": "listen", "limit": "limits", "zzzz": "", "": "",
		strings.Repeat("x", 5000): "",
	} {
		if got := closest(word, choices); got != want {
			t.Errorf("closest(%q) = %q, want %q", word, got, want)
		}
	}
}

// TestTagsAreSound walks the raw shape: every key has a name and a description,
// every bound parses, and the choices are the dictionary's own words.
func TestTagsAreSound(t *testing.T) {
	seen := map[reflect.Type]bool{}
	var check func(reflect.Type)
	check = func(rt reflect.Type) {
		for rt.Kind() == reflect.Slice || rt.Kind() == reflect.Map || rt.Kind() == reflect.Pointer {
			rt = rt.Elem()
		}
		if rt.Kind() != reflect.Struct || seen[rt] || isText(reflect.New(rt).Elem()) {
			return
		}
		seen[rt] = true
		for _, f := range fieldsOf(rt) {
			sf := rt.Field(f.index)
			if f.name == "" || sf.Tag.Get("jsonschema_description") == "" {
				t.Errorf("%s.%s has no name or description", rt, sf.Name)
			}
			for _, bound := range []string{f.least, f.most} {
				if bound != "" && reflect.New(sf.Type).Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(bound)) != nil {
					t.Errorf("%s.%s: the bound %q does not parse", rt, sf.Name, bound)
				}
			}
			for _, word := range f.choices {
				if rt != reflect.TypeFor[rawClients]() { // whose mode is that of a handshake
					checkWord(t, f.name, word)
				}
			}
			check(sf.Type)
		}
	}
	check(reflect.TypeFor[rawFile]())
}

func checkWord(t *testing.T, key, word string) {
	t.Helper()
	var into encoding.TextUnmarshaler
	switch key {
	case "mode":
		into = new(haechi.Mode)
	case "action":
		into = new(haechi.Action)
	case "at_least":
		into = new(haechi.Severity)
	default:
		return
	}
	if err := into.UnmarshalText([]byte(word)); err != nil {
		t.Errorf("%s: %v", key, err)
	}
}

func TestExcerptHidesSecrets(t *testing.T) {
	for in, want := range map[string]string{
		"    url: https://hooks.example/secret":          "    url: …",
		"a: { token: abc, listen: x }":                   "a: { token: …",
		`  "password": abc`:                              `  "password: …`,
		"slack: { url_file: /etc/haechi/slack.url }":     "slack: { url_file: /etc/haechi/slack.url }",
		"upstream: http://u:p@10.0.0.6":                  "upstream: http://…@10.0.0.6",
		"webhook: https://example.com/hook?token=secret": "webhook: …",
		"dsn: user:pw@tcp(db)/x":                         "dsn: …",
		"listen: [\":1491\"]":                            "listen: [\":1491\"]",
		"a\x1b[31mb":                                     "a [31mb",
	} {
		if got := excerpt(in); got != want {
			t.Errorf("excerpt(%q) = %q, want %q", in, got, want)
		}
	}
}
