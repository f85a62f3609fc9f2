package waf_test

import (
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"unicode"

	"haechi/internal/inspect/waf"
)

// FuzzOracle: any request is judged without an error, twice the same, its hits add up to
// its score, and no name of a variable is long or holds control characters.
func FuzzOracle(f *testing.F) {
	f.Add("GET", "/a?q=1%27+or+1=1--", "a=b; a", "text/html", []byte(""))
	f.Add("POST", "/x", "", "application/json", []byte(`{"a":[1,"<script>",{"b":null}],"a":{}}`))
	f.Add("POST", "/x;y/../z", "k=v", "application/x-www-form-urlencoded", []byte("a=../../etc/passwd&b=%u0041&%00=%"))
	f.Add("PUT", "//[::1]:80/%2e%2e/", "", "multipart/form-data; boundary=b", []byte("--b\r\nContent-Disposition: form-data; name=\"a\"; filename*=utf-8''x\r\n\r\nx\r\n--b--\r\n"))
	f.Add("POST", "*", "", "text/xml", []byte(`<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "b">]><a b="&a;">d&lt;</a>`))
	o, err := waf.NewOracle(waf.Ruleset{Paranoia: 4, UTF8: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, method, target, cookie, kind string, body []byte) {
		if len(target)+len(cookie)+len(kind)+len(body) > 4000 {
			t.Skip()
		}
		v := &waf.View{Client: netip.MustParseAddr("203.0.113.9"), Method: method, Target: target, Protocol: "HTTP/1.1", Host: "x.example", Body: body,
			Headers: []waf.Field{{Name: "Host", Value: "x.example"}, {Name: "Cookie", Value: cookie}, {Name: "Content-Type", Value: kind}}}
		var a, b waf.Result
		if err := o.Judge(v, &a); err != nil {
			t.Fatal(err)
		}
		if err := o.Judge(v, &b); err != nil {
			t.Fatal(err)
		}
		slices.Sort(a.IDs)
		slices.Sort(b.IDs)
		if a.Score != b.Score || !reflect.DeepEqual(a.IDs, b.IDs) {
			t.Errorf("%v, then %v", a, b)
		}
		sum := 0
		for _, h := range a.Hits {
			sum += h.Score
			if len(h.Where) > 64 || len(h.Shape) > 24 || slices.ContainsFunc([]rune(h.Where+h.Shape), unicode.IsControl) {
				t.Errorf("a hit in %q, like %q", h.Where, h.Shape)
			}
		}
		if sum != a.Score {
			t.Errorf("the hits score %d, the request %d", sum, a.Score)
		}
	})
}
