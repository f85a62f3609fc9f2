package httpgate

import (
	"fmt"
	"strings"
	"testing"

	"haechi"
)

func TestRanges(t *testing.T) {
	many := func(n int) string {
		var parts []string
		for i := range n {
			parts = append(parts, fmt.Sprintf("%d-%d", i*10, i*10+4))
		}
		return "bytes=" + strings.Join(parts, ",")
	}
	for _, tt := range []struct {
		method, value string
		refused, drop bool
	}{
		{"GET", "bytes=0-499", false, false},
		{"GET", "bytes=500-", false, false},
		{"GET", "bytes=-500", false, false},
		{"GET", "bytes=0-0,-1", false, false},
		{"GET", "BYTES=0-499", false, false},
		{"GET", "bytes= 0-999, 4500-5499,, -1000", false, false},
		{"GET", many(MaxRanges), false, false},
		{"GET", many(MaxRanges + 1), true, true},
		{"HEAD", many(MaxRanges + 1), true, true},
		{"GET", "bytes=0-9,5-15,8-20", false, false},                // two reach into another
		{"GET", "bytes=0-9,5-15,8-20,3-4", true, true},              // three do
		{"GET", "bytes=0-,5-0,5-1,5-2,5-3,5-4,5-5,5-6", true, true}, // the Apache killer
		{"GET", "bytes=-1,-2,-3,-4", true, true},
		{"GET", "pages=1-2,1-2,1-2,1-2", false, false}, // not our unit
		{"HEAD", "bytes=0-499", false, true},           // RFC 9110 14.2: only of GET
		{"POST", "bytes=0-499", false, true},
		{"GET", "bytes=9-5", false, true},
		{"GET", "bytes=0-,5-0,5-1,5-2", true, true},
		{"GET", "bytes=a-b", false, true},
		{"GET", "bytes=+1-5", false, true},
		{"GET", "bytes=1-99999999999999999999", false, true},
		{"GET", "bytes=", false, true},
		{"GET", "0-5", false, true},
	} {
		v, drop := judgeRanges(tt.method, []string{tt.value})
		if (v.Action == haechi.Deny) != tt.refused || drop != tt.drop {
			t.Errorf("%s %.60s: %+v, drop %v", tt.method, tt.value, v, drop)
		}
		if tt.refused && (v.Observed <= v.Threshold || v.Rule != RuleRange) {
			t.Errorf("%.60s: observed %v against %v", tt.value, v.Observed, v.Threshold)
		}
	}
	if v, drop := judgeRanges("GET", nil); v.Action != haechi.Pass || drop {
		t.Error("a request without ranges is judged")
	}
	if _, drop := judgeRanges("GET", []string{"bytes=0-1", "bytes=5-6"}); !drop {
		t.Error("two Range headers are passed on")
	}
	if v, _ := judgeRanges("GET", []string{"bytes=0-1", many(MaxRanges)[6:]}); v.Action != haechi.Deny {
		t.Error("parts spread over two headers are not counted together")
	}
}

// FuzzRanges: whatever a Range header says, reading it ends, and what passes has no
// more parts than may be asked for.
func FuzzRanges(f *testing.F) {
	f.Add("bytes=0-,5-0,5-1,5-2")
	f.Add("bytes=0-0,-1")
	f.Add("lines=1")
	f.Fuzz(func(t *testing.T, value string) {
		v, drop := judgeRanges("GET", []string{value})
		unit, set, ok := strings.Cut(value, "=")
		if v.Action == haechi.Pass && !drop && ok && strings.EqualFold(strings.TrimSpace(unit), "bytes") {
			parts := 0
			for p := range strings.SplitSeq(set, ",") {
				if strings.Trim(p, " \t") != "" {
					parts++
				}
			}
			if parts > MaxRanges || parts == 0 {
				t.Errorf("%d parts pass", parts)
			}
		}
	})
}

func TestOrdinaryRangesDoNotAllocate(t *testing.T) {
	values := []string{"bytes=0-499, 1000-1499"}
	if n := testing.AllocsPerRun(100, func() { judgeRanges("GET", values) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
