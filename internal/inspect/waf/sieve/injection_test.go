package sieve

import (
	"testing"

	"github.com/corazawaf/libinjection-go"
)

// TestInjection keeps what the short ways must not take for harmless.
func TestInjection(t *testing.T) {
	for _, v := range []string{"1 union select 1", "1'or'1'='1", "x--", "a#", "1union select 2", "1;drop table a"} {
		if found, _ := libinjection.IsSQLi(v); isSQLi([]byte(v)) != found {
			t.Errorf("%q: %v is not libinjection's answer", v, !found)
		}
	}
	for v, want := range map[string]bool{"<script>": true, "x onload=alert(1)": true, "javascript:alert(1)": false, "onload": false} {
		if isXSS([]byte(v)) != want {
			t.Errorf("%q: want %v", v, want)
		}
	}
	if n := testing.AllocsPerRun(100, func() { isSQLi([]byte("sessionid")); isXSS([]byte("winter coat")) }); n != 0 {
		t.Errorf("%g allocations", n)
	}
}

// FuzzInjection: whatever the text, the answers are libinjection's.
func FuzzInjection(f *testing.F) {
	for _, v := range []string{"union", "1.5", "0x41", "e1", "sp_password", "X", "n", "b1", "_utf8", "1e5", "12.", "1.2.3", "select", "`a", "binary", "a b", "onclick=", "<a", "\xa0", "q_", "1f", "UNION_ALL", "<!doctype", "a>b/c"} {
		f.Add(v)
	}
	f.Fuzz(func(t *testing.T, v string) {
		if found, _ := libinjection.IsSQLi(v); isSQLi([]byte(v)) != found {
			t.Errorf("%q: SQL, %v", v, found)
		}
		if found := libinjection.IsXSS(v); isXSS([]byte(v)) != found {
			t.Errorf("%q: script, %v", v, found)
		}
	})
}
