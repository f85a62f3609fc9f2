package waf_test

import (
	"net/netip"
	"strings"
	"sync"
	"testing"

	"haechi"
	"haechi/internal/inspect/waf"
)

// browser is a request as a browser sends it.
func browser(method, target, contentType, body string) *waf.View {
	v := &waf.View{Client: netip.MustParseAddr("203.0.113.9"), Method: method, Target: target, Protocol: "HTTP/1.1", Host: "shop.example.com",
		Headers: []waf.Field{
			{Name: "Host", Value: "shop.example.com"},
			{Name: "User-Agent", Value: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"},
			{Name: "Accept", Value: "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"},
			{Name: "Accept-Language", Value: "ko-KR,ko;q=0.8,en-US;q=0.5"},
			{Name: "Cookie", Value: "session=3f9a1c; lang=ko"},
		}, Body: []byte(body)}
	if contentType != "" {
		v.Headers = append(v.Headers, waf.Field{Name: "Content-Type", Value: contentType}, waf.Field{Name: "Content-Length", Value: "1"})
	}
	return v
}

// oracles are those that tests share: to read the rules takes seconds under the race
// detector, and judging leaves nothing behind.
var oracles = struct {
	sync.Mutex
	of map[waf.Ruleset]*waf.Oracle
}{of: map[waf.Ruleset]*waf.Oracle{}}

// oracle is the one of the ruleset.
func oracle(t testing.TB, r waf.Ruleset) *waf.Oracle {
	t.Helper()
	oracles.Lock()
	defer oracles.Unlock()
	if oracles.of[r] == nil {
		o, err := waf.NewOracle(r)
		if err != nil {
			t.Fatal(err)
		}
		oracles.of[r] = o
	}
	return oracles.of[r]
}

func judge(t testing.TB, e waf.Engine, v *waf.View) waf.Result {
	t.Helper()
	var out waf.Result
	if err := e.Judge(v, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestOracleExplains(t *testing.T) {
	o := oracle(t, waf.Ruleset{})
	got := judge(t, o, browser("GET", "/items?q=1%27%20OR%20%271%27=%271--", "", ""))
	var found *haechi.Hit
	for i := range got.Hits {
		if got.Hits[i].Rule == 942100 {
			found = &got.Hits[i]
		}
	}
	if found == nil || got.Score < 5 || found.Score != 5 || found.Where != "ARGS:q" || found.Shape == "" || strings.Contains(found.Shape, "OR") {
		t.Fatalf("%+v", got)
	}
	if r, ok := o.Rule(942100); !ok || r.Message != "SQL Injection Attack Detected via libinjection" || r.Severity != haechi.Critical || r.Paranoia != 1 {
		t.Errorf("%+v", r)
	}
	if _, ok := o.Rule(1); ok {
		t.Error("rule 1 is known")
	}
}

func TestOracleLetsPass(t *testing.T) {
	o := oracle(t, waf.Ruleset{})
	for name, v := range map[string]*waf.View{
		"page":       browser("GET", "/", "", ""),
		"search":     browser("GET", "/search?q=red+shoes&page=2", "", ""),
		"korean":     browser("GET", "/search?q=%EB%B9%A8%EA%B0%84+%EA%B5%AC%EB%91%90", "", ""),
		"form":       browser("POST", "/login", "application/x-www-form-urlencoded", "user=kim&password=hunter2&next=%2Fcart"),
		"json":       browser("POST", "/api/order", "application/json", `{"items":[{"id":7,"count":2}],"note":"문 앞에 놓아 주세요"}`),
		"put":        browser("PUT", "/api/order/7", "application/json; charset=utf-8", `{"count":3}`),
		"api suffix": browser("PATCH", "/api/order/7", "application/json", `{"count":3}`),
		"multipart": browser("POST", "/upload", "multipart/form-data; boundary=abc",
			"--abc\r\nContent-Disposition: form-data; name=\"file\"; filename=\"cat.jpg\"\r\nContent-Type: image/jpeg\r\n\r\n\xff\xd8\xff\r\n--abc--\r\n"),
		"xml": browser("POST", "/soap", "text/xml; charset=utf-8", `<?xml version="1.0"?><order><id>7</id></order>`),
	} {
		if got := judge(t, o, v); got.Score != 0 || len(got.Hits) != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestPrefilterStaysOff holds the smallest case that Coraza's regex prefilter misses.
func TestPrefilterStaysOff(t *testing.T) {
	o := oracle(t, waf.Ruleset{Before: `SecRule ARGS:x "@rx (?:a(?:bc|.de)|xyz)" "id:1,phase:2,deny,log,msg:'found'"` + "\n"})
	got := judge(t, o, browser("GET", "/?x=a-de", "", ""))
	if len(got.Hits) != 1 || got.Hits[0].Rule != 1 || !got.Hits[0].Denies {
		t.Errorf("%+v", got)
	}
}

func TestWrongRulesAreNamed(t *testing.T) {
	_, err := waf.NewOracle(waf.Ruleset{Before: "SecRule ARGS \"@rx (\" \"id:1,phase:2,deny\"\n"})
	if haechi.KindOf(err) != haechi.Invalid {
		t.Errorf("%v", err)
	}
}

func TestListElementsShareAName(t *testing.T) {
	got := judge(t, oracle(t, waf.Ruleset{}), browser("POST", "/api", "application/json", `{"items":[{"name":"x"},{"name":"1' OR '1'='1--"}]}`))
	if len(got.Hits) == 0 || got.Hits[0].Where != "ARGS:json.items.*.name" && got.Hits[0].Where != "ARGS_POST:json.items.*.name" {
		t.Errorf("%+v", got.Hits)
	}
}
