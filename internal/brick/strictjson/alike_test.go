package strictjson_test

import (
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
