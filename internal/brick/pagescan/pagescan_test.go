package pagescan

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

func TestFindsWhatIsFetchedWithoutTLS(t *testing.T) {
	for page, want := range map[string]Found{
		`<script src="http://a.test/x.js"></script>`:                       {Insecure: 1, Element: "script", URL: "http://a.test/x.js", Active: true},
		`<SCRIPT async SRC = 'HTTP://a.test/x.js'>`:                        {Insecure: 1, Element: "script", URL: "HTTP://a.test/x.js", Active: true},
		`<img/src=http://a.test/i.png>`:                                    {Insecure: 1, Element: "img", URL: "http://a.test/i.png"},
		`<img src="` + "\n" + ` http:\\a.test/i.png">`:                     {Insecure: 1, Element: "img", URL: `http:\\a.test/i.png`},
		`<img srcset="/a.png 1x, http://a.test/b.png 2x,http://a.test/c">`: {Insecure: 2, Element: "img", URL: "http://a.test/b.png"},
		`<link rel="Shortcut ICON" href=http://a.test/f.ico>`:              {Insecure: 1, Element: "link", URL: "http://a.test/f.ico"},
		`<link href="http://a.test/s.css" rel=stylesheet>`:                 {Insecure: 1, Element: "link", URL: "http://a.test/s.css", Active: true},
		`<iframe src="http://a.test/"></iframe>`:                           {Insecure: 1, Element: "iframe", URL: "http://a.test/", Active: true},
		`<form method=post action="http://a.test/login">`:                  {Insecure: 1, Element: "form", URL: "http://a.test/login", Active: true},
		`<button formaction="http://a.test/login">`:                        {Insecure: 1, Element: "button", URL: "http://a.test/login", Active: true},
		`<video poster="http://a.test/p.jpg" src=//a.test/v>`:              {Insecure: 1, Element: "video", URL: "http://a.test/p.jpg"},
		`<base href="http://a.test/">`:                                     {Insecure: 1, Element: "base", URL: "http://a.test/", Active: true},
		`<object data="http://a.test/o">`:                                  {Insecure: 1, Element: "object", URL: "http://a.test/o", Active: true},
		// What acts comes first, wherever it stands.
		`<img src=http://a.test/i><script src=http://b.test/x></script><img src=http://c.test>`: {Insecure: 3, Element: "script", URL: "http://b.test/x", Active: true},
		// What follows a comment, a script or a title is looked at again.
		`<!-- <a> --><script>"<img src='http://x.test'>"</script><title><b></title><img src=http://a.test>`: {Insecure: 1, Element: "img", URL: "http://a.test"},
		`<!--><img src=http://a.test/1><!-- --!><img src=http://a.test/2>`:                                  {Insecure: 2, Element: "img", URL: "http://a.test/1"},
		`<script><!-- x --></script><img src=http://a.test>`:                                                {Insecure: 1, Element: "img", URL: "http://a.test"},
		`<template><img src=http://x.test></template><img src=http://a.test>`:                               {Insecure: 1, Element: "img", URL: "http://a.test"},
		`<input name=p type="PassWord">`:                                                                    {Password: true},
		`<meta http-equiv="Content-Security-Policy" content="Upgrade-Insecure-Requests">`:                   {Upgrades: true},
	} {
		if got := Scan([]byte(page)); got != want {
			t.Errorf("%s\ngives %+v\nwant  %+v", page, got, want)
		}
	}
}

func TestFindsNothingElse(t *testing.T) {
	for _, page := range []string{
		"", "<", "text http://a.test/ <", "<>", "</>", "a < b src=http://a.test>",
		`<script src="https://a.test/x.js"></script><img src="//a.test/i"><img src="/i"><img src="data:image/png;base64,http://a.test">`,
		`<a href="http://a.test/">http://a.test/</a><area href="http://a.test/">`,
		`<link rel="canonical" href="http://a.test/"><link rel="alternate" href="http://a.test/feed"><link href="http://a.test/"><link rel="dns-prefetch" href="http://a.test">`,
		`<!-- <script src="http://a.test/x.js"></script> <input type=password> -->`,
		`<!-- <img src=http://a.test> -- > <img src=http://a.test>`,
		`<!doctype html SYSTEM "http://www.w3.org/TR/x.dtd"><?xml src="http://a.test"?><html xmlns="http://www.w3.org/1999/xhtml">`,
		`<script>document.write('<img src="http://a.test/i"><input type="password">')</script>`,
		`<script><!-- <script> </script> <img src=http://a.test> --></script>`,
		`<style>/* <img src=http://a.test> */</style><textarea><img src=http://a.test></textarea><title><img src=http://a.test></title>`,
		`<noscript><img src="http://a.test/pixel"></noscript><template><template></template><script src="http://a.test"></script></template>`,
		`<img alt="src=http://a.test" title='<img src=http://a.test>' data-src="http://a.test/i">`,
		`<img src="/i" src="http://a.test/i">`,
		`<img src="/fetch?url=http://a.test/i"><img src="https://a.test/,http://b.test/i"><img srcset="https://a.test/x,http://b.test 1x">`,
		`<input type="text" value="password" src="http://a.test/i"><input type="passwords"><input name=password>`,
		`<img src="http://localhost:3000/i"><img src="http://127.0.0.1/i"><script src="http://[::1]:8080/x"></script>`,
		`<img src="httpx://a.test"><img src="http:"><img src="http://">`,
		`<img src="http://a.test/i"`, `<img src="http://a.test/i`, // no end: no tag
		`<meta name="viewport" content="upgrade-insecure-requests">`,
	} {
		if got := Scan([]byte(page)); got != (Found{}) {
			t.Errorf("%s\ngives %+v", page, got)
		}
	}
}

// TestTimeGrowsWithThePage: pages made to be slow take no longer than others.
func TestTimeGrowsWithThePage(t *testing.T) {
	for _, part := range []string{"<", "<!--", "<!-- --", "<a ", "<a b=", "</script", "<script><!--<script>", "<img src=http://a ", "<img srcset=',", "<a b='>", "-", "<title></titl", "<template>"} {
		page := bytes.Repeat([]byte(part), (1<<20)/len(part))
		begin := time.Now()
		Scan(page)
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("a page of %q took %v", part, took)
		}
	}
}

// FuzzScan: what is found in the beginning of a page is found in the whole, and in a
// comment nothing is.
func FuzzScan(f *testing.F) {
	f.Add([]byte(`<!-- a --><script src="http://a.test/x"></script><img src='http://b.test'><input type=password>`), uint16(60))
	f.Add([]byte(`<script><!-- <script></script> --></script><template><img srcset="http://a.test 1x,,b">`), uint16(30))
	f.Fuzz(func(t *testing.T, page []byte, cut uint16) {
		whole, part := Scan(page), Scan(page[:min(int(cut), len(page))])
		if part.Insecure > whole.Insecure || part.Active && !whole.Active || part.Password && !whole.Password || part.Upgrades && !whole.Upgrades {
			t.Fatalf("the beginning has %+v, the whole %+v", part, whole)
		}
		if part.Active && (part.Element != whole.Element || part.URL != whole.URL) {
			t.Fatalf("the beginning names %+v, the whole %+v", part, whole)
		}
		if (whole.Insecure > 0) != (whole.URL != "") || !strings.Contains(string(page), whole.URL) {
			t.Fatalf("%+v", whole)
		}
		hidden := "<!-- " + strings.ReplaceAll(string(page), "--", "") + " -->"
		if got := Scan([]byte(hidden)); got != (Found{}) && !strings.HasSuffix(string(page), "-") {
			t.Fatalf("in a comment: %+v", got)
		}
	})
}

func BenchmarkScan(b *testing.B) {
	page := []byte(strings.Repeat(`<div class="row"><a href="http://a.test/page?id=1">A link</a><img src="/i.png" alt="picture"><p>Some text of a page that is read.</p></div>`+"\n", 460))
	b.SetBytes(int64(len(page)))
	for b.Loop() {
		Scan(page)
	}
}
