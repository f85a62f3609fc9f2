package strictjson_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"haechi/internal/brick/strictjson"
)

var fuzzPaths = []string{"event", "data", "data.auth", "data.auth.signature", "data.room", "k", "data.n"}

// FuzzScan holds the scanner against encoding/json: what it accepts is valid
// there with the same values, and whatever a token walk finds alike is refused.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		`{"event":"message","data":{"room":"r","auth":{"signature":"ab"}}}QUJD`,
		`{"event":"x","EVENT":"y"}`, `{"k":"\ud83d\ude00\u00e9"}`, `{"data":{"n":[1,2.5e-3,{"a":null}]}}`,
		`{"data":{"\u0061uth":{"signature":"\\"}}}`, `{"k":1,"\u212a":2}`, "{\"k\":\"\x00\"}", `{"s":1,"ſ":2}`,
		`{"event":tru`, ` {"":{"":[]}} x`, `{"data":1e5}`, `{"k":"\uD800"}`,
	} {
		f.Add([]byte(seed))
	}
	paths, err := strictjson.Compile(fuzzPaths...)
	if err != nil {
		f.Fatal(err)
	}
	s := strictjson.New(paths, strictjson.Limits{})
	f.Fuzz(func(t *testing.T, in []byte) {
		end, fault := s.Scan(in)
		if fault != strictjson.OK {
			if fault == strictjson.Syntax || fault == strictjson.Truncated {
				if body := bytes.TrimLeft(in, " \t\r\n"); len(body) > 0 && body[0] == '{' && json.Valid(in) {
					t.Errorf("%v on valid %q", fault, in)
				}
			}
			return
		}
		if !json.Valid(in[:end]) || !utf8.Valid(in[:end]) || bytes.IndexByte(in[:end], 0) >= 0 {
			t.Fatalf("accepted %q", in[:end])
		}
		d := json.NewDecoder(bytes.NewReader(in[:end]))
		d.UseNumber()
		alike := false
		top := walk(t, d, &alike)
		if alike {
			t.Fatalf("accepted names that are alike: %q", in[:end])
		}
		for slot, path := range fuzzPaths {
			compare(t, path, s.Value(slot), lookup(top, path))
		}
	})
}

// walk decodes one value by tokens, case-sensitively, and notes names alike.
func walk(t *testing.T, d *json.Decoder, alike *bool) any {
	tok, err := d.Token()
	if err != nil {
		t.Fatalf("encoding/json: %v", err)
	}
	switch tok {
	case json.Delim('{'):
		m := map[string]any{}
		for d.More() {
			nameTok, err := d.Token()
			if err != nil {
				t.Fatal(err)
			}
			name := nameTok.(string)
			for old := range m {
				*alike = *alike || strings.EqualFold(old, name)
			}
			m[name] = walk(t, d, alike)
		}
		_, _ = d.Token()
		return m
	case json.Delim('['):
		list := []any{}
		for d.More() {
			list = append(list, walk(t, d, alike))
		}
		_, _ = d.Token()
		return list
	}
	return tok
}

// absent is what no JSON value decodes to.
type absent struct{}

func lookup(v any, path string) any {
	for _, part := range strings.Split(path, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return absent{}
		}
		if v, ok = m[part]; !ok {
			return absent{}
		}
	}
	return v
}

func compare(t *testing.T, path string, got strictjson.Span, want any) {
	t.Helper()
	ok := false
	switch w := want.(type) {
	case absent:
		ok = got.Kind == strictjson.Missing
	case string:
		var scratch []byte
		ok = got.Kind == strictjson.String && string(got.Text(&scratch)) == w
	case json.Number:
		ok = got.Kind == strictjson.Number && string(got.Raw) == w.String()
	case bool:
		ok = got.Kind == strictjson.True && w || got.Kind == strictjson.False && !w
	case nil:
		ok = got.Kind == strictjson.Null
	case map[string]any:
		ok = got.Kind == strictjson.Object && json.Valid(got.Raw)
	case []any:
		ok = got.Kind == strictjson.Array && json.Valid(got.Raw)
	}
	if !ok {
		t.Errorf("%s = %q (kind %d), encoding/json has %#v", path, got.Raw, got.Kind, want)
	}
}

// FuzzWarm holds a scanner that has scanned something against one that has not: both say
// the same of the next object, whatever it is and whatever they scanned.
func FuzzWarm(f *testing.F) {
	for _, seed := range [][2]string{
		{`{"event":"x","data":{"room":"r"}}`, `{"event":"x","data":{"room":"r","Room":1}}`},
		{`{"k":[{"a":1},{"b":2},{"a":3}]}`, `{"k":[{"a":1,"b":2,"a":3}]}`},
		{`{"k":1,"data":{"n":2}}`, `{"k":1,"\u0064ata":{"n":2}}`},
		{`{"k" : 1}`, `{"k":1`}, {`{"é":1,"k":2}`, `{"é":1,"k":2,"K":3}`},
	} {
		f.Add([]byte(seed[0]), []byte(seed[1]))
	}
	paths, err := strictjson.Compile(fuzzPaths...)
	if err != nil {
		f.Fatal(err)
	}
	limits := strictjson.Limits{Depth: 8, Members: 64}
	f.Fuzz(func(t *testing.T, before, in []byte) {
		warm, cold := strictjson.New(paths, limits), strictjson.New(paths, limits)
		_, _ = warm.Scan(before)
		for range 2 { // after another, and after itself
			if got, want := judged(warm, in, len(fuzzPaths)), judged(cold, in, len(fuzzPaths)); got != want {
				t.Fatalf("%q after %q\nsays   %s\nwanted %s", in, before, got, want)
			}
			cold = strictjson.New(paths, limits)
		}
	})
}
