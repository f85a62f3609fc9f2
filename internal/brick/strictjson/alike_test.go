package strictjson_test

import (
	"strings"
	"testing"

	"haechi/internal/brick/strictjson"
)

// A reader that ignores case takes ROOM for room even where the real one is missing.
func TestNamesAlikeToAPath(t *testing.T) {
	s := compile(t, "event", "data.auth.signature", "data.room", "data.도매")
	for in, want := range map[string]strictjson.Fault{
		`{"event":1,"data":{"room":2,"auth":{"signature":3}}}`: strictjson.OK,
		`{"Event":1}`:                            strictjson.Lookalike,
		`{"DATA":{}}`:                            strictjson.Lookalike,
		`{"data":{"ROOM":1}}`:                    strictjson.Lookalike,
		`{"data":{"\u0052oom":1}}`:               strictjson.Lookalike,
		`{"data":{"auth":{"\u017fignature":1}}}`: strictjson.Lookalike,
		`{"data":{"auth":{"s\u0131gnature":1}}}`: strictjson.Lookalike,
		`{"EVENTS":1,"even":2,"eventé":3}`:       strictjson.OK,
		`{"auth":{"SIGNATURE":1},"ROOM":2}`:      strictjson.OK, // on no path there
		`{"other":{"Event":1,"DATA":2}}`:         strictjson.OK,
		`{"data":[{"ROOM":1}]}`:                  strictjson.OK,
		`{"data":{"room":1,"ROOM":2}}`:           strictjson.Duplicate,
		`{"data":{"\u0072oom":1}}`:               strictjson.OK, // room itself
	} {
		if _, got := s.Scan([]byte(in)); got != want {
			t.Errorf("%s: %v, want %v", in, got, want)
		}
	}
}

// What one reader keeps, another rounds and a third refuses.
func TestNumbers(t *testing.T) {
	s := compile(t, "n")
	for in, want := range map[string]strictjson.Fault{
		"18446744073709551615": strictjson.OK, "18446744073709551616": strictjson.BigNumber,
		"-9223372036854775808": strictjson.OK, "-9223372036854775809": strictjson.BigNumber,
		"9999999999999999999": strictjson.OK, "100000000000000000000": strictjson.BigNumber,
		"-10000000000000000000": strictjson.BigNumber, "0": strictjson.OK, "-0": strictjson.OK,
		"1e308": strictjson.BigNumber, "1e307": strictjson.OK, "1E+307": strictjson.OK, "1e-9999": strictjson.OK,
		"1e99999999999999999999": strictjson.BigNumber, "12345678901234567890123.5": strictjson.OK,
		"0.12345678901234567890123456789": strictjson.OK, "1.75e12": strictjson.OK, "12e307": strictjson.BigNumber,
		strings.Repeat("9", 400) + ".5": strictjson.BigNumber,
	} {
		if _, got := s.Scan([]byte(`{"n":` + in + `}`)); got != want {
			t.Errorf("%s: %v, want %v", in, got, want)
		}
	}
}
