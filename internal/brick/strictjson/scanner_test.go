package strictjson_test

import (
	"strings"
	"testing"

	"haechi/internal/brick/strictjson"
)

func compile(t testing.TB, paths ...string) *strictjson.Scanner {
	t.Helper()
	p, err := strictjson.Compile(paths...)
	if err != nil {
		t.Fatal(err)
	}
	return strictjson.New(p, strictjson.Limits{})
}

func TestScanFaults(t *testing.T) {
	deep := func(n int) string { return strings.Repeat(`{"a":`, n) + "1" + strings.Repeat("}", n) }
	var many strings.Builder
	for i := range 257 {
		many.WriteString(`,"k` + strings.Repeat("x", i/26) + string(rune('a'+i%26)) + `":1`)
	}
	tests := []struct {
		name, in string
		want     strictjson.Fault
	}{
		{"empty object", `{}`, strictjson.OK},
		{"white space", " \t\r\n{ \"a\" : [ 1 , 2 ] } ", strictjson.OK},
		{"every type", `{"a":[true,false,null,-0.5e+10,0,"x",{}]}`, strictjson.OK},
		{"escapes", `{"a":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"}`, strictjson.OK},
		{"Korean", `{"도매까봇":"방"}`, strictjson.OK},
		{"raw tail", `{"a":1}AAAA==`, strictjson.OK},
		{"same name in other objects", `{"a":{"a":1},"b":{"a":2}}`, strictjson.OK},
		{"names a byte apart", `{"a_b":1,"a\u007fb":2,"[":1,"{":2,"@":1,"` + "`" + `":2}`, strictjson.OK},
		{"depth at limit", deep(32), strictjson.OK},
		{"no input", ``, strictjson.Truncated},
		{"spaces only", `   `, strictjson.Truncated},
		{"array", `[1]`, strictjson.Syntax},
		{"cut", `{"a":"b`, strictjson.Truncated},
		{"cut literal", `{"a":tru`, strictjson.Truncated},
		{"bad literal", `{"a":trux}`, strictjson.Syntax},
		{"NaN", `{"a":NaN}`, strictjson.Syntax},
		{"trailing comma", `{"a":1,}`, strictjson.Syntax},
		{"array comma", `{"a":[1,]}`, strictjson.Syntax},
		{"no colon", `{"a" 1}`, strictjson.Syntax},
		{"single quotes", `{'a':1}`, strictjson.Syntax},
		{"leading zero", `{"a":01}`, strictjson.Syntax},
		{"plus", `{"a":+1}`, strictjson.Syntax},
		{"bare point", `{"a":1.}`, strictjson.Syntax},
		{"bare exponent", `{"a":1e}`, strictjson.Syntax},
		{"hex", `{"a":0x1}`, strictjson.Syntax},
		{"control in string", "{\"a\":\"\x01\"}", strictjson.Syntax},
		{"bad escape", `{"a":"\x41"}`, strictjson.Syntax},
		{"bad hex", `{"a":"\u00g1"}`, strictjson.Syntax},
		{"comment", `{/**/"a":1}`, strictjson.Syntax},
		{"byte order mark", "\ufeff{}", strictjson.Syntax},
		{"NUL in string", "{\"a\":\"\x00\"}", strictjson.Encoding},
		{"NUL between", "{\"a\":\x001}", strictjson.Encoding},
		{"escaped NUL", `{"a":"\u0000"}`, strictjson.Encoding},
		{"escaped NUL in a name", `{"a\u0000":1}`, strictjson.Encoding},
		{"lone high", `{"a":"\ud83d"}`, strictjson.Encoding},
		{"high and a letter", `{"a":"\ud83d\u0041"}`, strictjson.Encoding},
		{"lone low", `{"a":"\ude00"}`, strictjson.Encoding},
		{"invalid UTF-8", "{\"a\":\"\xff\"}", strictjson.Encoding},
		{"overlong", "{\"a\":\"\xc0\xaf\"}", strictjson.Encoding},
		{"surrogate in UTF-8", "{\"a\":\"\xed\xa0\x80\"}", strictjson.Encoding},
		{"duplicate", `{"a":1,"b":2,"a":3}`, strictjson.Duplicate},
		{"duplicate by escape", `{"auth":1,"\u0061uth":2}`, strictjson.Duplicate},
		{"duplicate by case", `{"signature":"good","SIGNATURE":"evil"}`, strictjson.Duplicate},
		{"duplicate by Kelvin sign", "{\"key\":1,\"\u212Aey\":2}", strictjson.Duplicate},
		{"duplicate by long s", `{"signature":1,"\u017fignature":2}`, strictjson.Duplicate},
		{"duplicate by dotless i", "{\"id\":1,\"\u0131d\":2}", strictjson.Duplicate},
		{"duplicate by dotted I", "{\"id\":1,\"\u0130d\":2}", strictjson.Duplicate},
		{"duplicate by Greek case", `{"Σ":1,"ς":2}`, strictjson.Duplicate},
		{"duplicate deep down", `{"a":[{"b":{"c":1,"C":2}}]}`, strictjson.Duplicate},
		{"empty names", `{"":1,"":2}`, strictjson.Duplicate},
		{"too deep", deep(33), strictjson.TooDeep},
		{"arrays too deep", `{"a":` + strings.Repeat("[", 40), strictjson.TooDeep},
		{"too many open", `{"z":1` + many.String() + `}`, strictjson.TooMany},
		{"name at limit", `{"` + strings.Repeat("n", strictjson.MaxName) + `":1}`, strictjson.OK},
		{"name too long", `{"` + strings.Repeat("n", strictjson.MaxName+1) + `":1}`, strictjson.LongName},
	}
	s := compile(t, "a")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, got := s.Scan([]byte(tt.in)); got != tt.want {
				t.Errorf("Scan(%.60q) = %v, want %v", tt.in, got, tt.want)
			}
		})
	}
}

func TestMembersOfAllObjectsAreBounded(t *testing.T) {
	p, err := strictjson.Compile("x")
	if err != nil {
		t.Fatal(err)
	}
	s := strictjson.New(p, strictjson.Limits{Members: 4})
	if _, f := s.Scan([]byte(`{"l":[{"a":1},{"a":1},{"a":1}]}`)); f != strictjson.OK {
		t.Errorf("4 members: %v", f)
	}
	if _, f := s.Scan([]byte(`{"l":[{"a":1},{"a":1},{"a":1},{"a":1}]}`)); f != strictjson.TooMany {
		t.Errorf("5 members: %v", f)
	}
}

func TestValues(t *testing.T) {
	s := compile(t, "event", "data.auth", "data.auth.signature", "data.n", "data.none", "data.k", "list.x", "data.t")
	in := ` {"event":"m\u0065ssage","data":{"auth":{"signature":"abc"},"n":-1.50e3,"\u006b":null,` +
		`"t":true,"Event":7},"list":[{"x":1}]}dGFpbA==`
	end, f := s.Scan([]byte(in))
	if f != strictjson.OK || in[end:] != "dGFpbA==" {
		t.Fatalf("Scan = %d, %v; tail %q", end, f, in[end:])
	}
	want := []struct {
		raw  string
		kind strictjson.Kind
	}{
		{`m\u0065ssage`, strictjson.String}, {`{"signature":"abc"}`, strictjson.Object}, {"abc", strictjson.String},
		{"-1.50e3", strictjson.Number}, {"", strictjson.Missing}, {"null", strictjson.Null},
		{"", strictjson.Missing}, {"true", strictjson.True},
	}
	for i, w := range want {
		if v := s.Value(i); string(v.Raw) != w.raw || v.Kind != w.kind {
			t.Errorf("slot %d = %q kind %d, want %q kind %d", i, v.Raw, v.Kind, w.raw, w.kind)
		}
		if v := s.Value(i); in[v.At:int(v.At)+len(v.Raw)] != w.raw {
			t.Errorf("slot %d: Raw is not at %d", i, v.At)
		}
	}
	var scratch []byte
	if got := s.Value(0).Text(&scratch); string(got) != "message" {
		t.Errorf("Text = %q", got)
	}
	if _, f := s.Scan([]byte(`{}`)); f != strictjson.OK || s.Value(0).Kind != strictjson.Missing {
		t.Error("a value survived into the next scan")
	}
}

func TestCompileRefuses(t *testing.T) {
	for _, paths := range [][]string{{"a", "a"}, {""}, {"a..b"}, make([]string, strictjson.MaxPaths+1)} {
		if _, err := strictjson.Compile(paths...); err == nil {
			t.Errorf("Compile(%q) passed", paths)
		}
	}
}

func TestScanDoesNotAllocate(t *testing.T) {
	s := compile(t, "data.auth.signature", "data.room")
	in := []byte(`{"data":{"room":"방 하나","auth":{"\u0073ignature":"00"},"é":1,"É2":2}}`)
	if n := testing.AllocsPerRun(100, func() { s.Scan(in) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
