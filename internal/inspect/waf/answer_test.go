package waf_test

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/inspect/waf"
)

// shopPage is an honest page of some 10 KB with what real ones have: scripts, prices, a
// mail address, words that errors have too.
func shopPage() []byte {
	var b strings.Builder
	b.WriteString("<!doctype html><html lang=\"ko\"><head><meta charset=\"utf-8\"><title>Winter coats · 겨울 코트</title><script src=\"https://www.example.com/app.js\"></script></head><body>\n")
	for b.Len() < 10<<10 {
		b.WriteString("<div class=\"item\"><h2>Coat 코트</h2><p>Warning: wash at 30 degrees. See our java coffee, www.example.com, or the access rules; ask kim@example.com.</p><a href=\"/cart?add=12&amp;n=1\">담기</a></div>\n")
	}
	return []byte(b.String() + "</body></html>")
}

func answered(status int, contentType string, body []byte) *waf.AnswerView {
	v := &waf.AnswerView{Asked: *browser("GET", "/shop", "", ""), Status: status, Body: body}
	v.Headers = []waf.Field{{Name: "Content-Type", Value: contentType}, {Name: "Server", Value: "nginx"}}
	return v
}

func newAnswers(t testing.TB, r waf.Ruleset, fast bool) *waf.Answers {
	t.Helper()
	a, err := waf.NewAnswers(r, fast)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// leaks are answers that leak, with the rule that finds it.
func leaks() map[string]int {
	return map[string]int{
		"<b>Error</b>: You have an error in your SQL syntax; check the manual that corresponds to your MySQL server version": 951230,
		"<html><head><title>Index of /backup</title></head><body><h1>Index of /backup</h1>":                                  950130,
		"<?php $db = 'secret'; ?>": 953120,
		"Exception in thread \"main\" java.lang.NullPointerException\n\tat com.example.A": 952110,
		"<h1>Error</h1> C:\\inetpub\\wwwroot\\shop\\default.aspx":                         954100,
		"<title>punkholic shell</title>":                                                  955300,
	}
}

// TestAnswersClears: honest pages are cleared without Coraza, and leaks are found in them,
// by the rule that is meant, at whatever place.
func TestAnswersClears(t *testing.T) {
	a := newAnswers(t, waf.Ruleset{}, true)
	var out waf.Result
	page := shopPage()
	if err := a.JudgeAnswer(answered(200, "text/html; charset=utf-8", page), &out); err != nil || len(out.Hits) > 0 {
		t.Fatal(out, err)
	}
	if cleared, asked := a.Stats(); cleared != 1 || asked != 0 {
		t.Errorf("%d cleared, %d asked", cleared, asked)
	}
	for text, rule := range leaks() {
		for _, body := range []string{text, string(page[:6000]) + text + string(page[6000:])} {
			out.Reset()
			if err := a.JudgeAnswer(answered(200, "text/html", []byte(body)), &out); err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(out.Hits, func(h haechi.Hit) bool { return h.Rule == rule && h.Score >= 4 }) {
				t.Errorf("%.40s in %d bytes: %v", text, len(body), out.Hits)
			}
		}
	}
}

// TestAnswersDiffer: answers put together from pieces of leaks, with letters changed and
// signs lost, get from the fast engine what they get from Coraza.
func TestAnswersDiffer(t *testing.T) {
	plain, fast := newAnswers(t, waf.Ruleset{Paranoia: 2}, false), newAnswers(t, waf.Ruleset{Paranoia: 2}, true)
	random := rand.New(rand.NewPCG(20261129, 5))
	pieces := slices.Sorted(maps.Keys(leaks()))
	pieces = append(pieces, "ORA-01756: quoted string", "Warning: mysql_query()", "#!/bin/sh", "Sy\u017ftem.Data.OleDb.OleDbException", "\u212aey column", "<%= x %>", "Server Error in '/' Application", "fopen(", "<p>", "\r\n", "겨울")
	for i := range 300 {
		var b []byte
		for range 1 + random.IntN(4) {
			p := []byte(pieces[random.IntN(len(pieces))])
			if n := random.IntN(len(p)); random.IntN(2) == 0 {
				p = append(slices.Clone(p[:n]), p[n+1:]...)
			} else if random.IntN(2) == 0 {
				p = bytes.ToUpper(p)
			}
			b = append(b, p...)
		}
		v := answered([]int{200, 404, 500}[i%3], "text/html", b)
		var want, got waf.Result
		if err := plain.JudgeAnswer(v, &want); err != nil {
			t.Fatal(err)
		}
		if err := fast.JudgeAnswer(v, &got); err != nil {
			t.Fatal(err)
		}
		if want.Score != got.Score || !slices.Equal(want.Hits, got.Hits) {
			t.Errorf("%q: Coraza %v, fast %v", b, want.Hits, got.Hits)
		}
	}
}

// TestOwnRulesAboutAnswers: a rule of one's own about answers is asked about every answer,
// and one about requests changes nothing.
func TestOwnRulesAboutAnswers(t *testing.T) {
	a := newAnswers(t, waf.Ruleset{After: "SecRule RESPONSE_BODY \"@contains internal-only\" \"id:10001,phase:4,deny,log,msg:'internal'\"\n"}, true)
	var out waf.Result
	if err := a.JudgeAnswer(answered(200, "text/html", []byte("<p>internal-only</p>")), &out); err != nil || len(out.Hits) != 1 || !out.Hits[0].Denies || out.Hits[0].Rule != 10001 {
		t.Errorf("%v %v", out.Hits, err)
	}
	if cleared, _ := a.Stats(); cleared != 0 {
		t.Error("an answer was cleared although a rule was not read")
	}
	a = newAnswers(t, waf.Ruleset{Before: "SecRule REQUEST_FILENAME \"@streq /shop\" \"id:10002,phase:1,deny,log\"\n"}, true)
	out.Reset()
	if err := a.JudgeAnswer(answered(200, "text/html", shopPage()), &out); err != nil || len(out.Hits) > 0 {
		t.Errorf("%v %v", out.Hits, err)
	}
	if cleared, _ := a.Stats(); cleared != 1 {
		t.Error("not cleared")
	}
}

// reply is an answer with its headers.
func reply(body []byte, headers http.Header) *haechi.Answer {
	return &haechi.Answer{Status: 200, Body: body, Headers: func(yield func(name, value string) bool) {
		for name, values := range headers {
			if !yield(name, values[0]) {
				return
			}
		}
	}}
}

// TestInspectAnswer: modes, exceptions, compression and reference of answers.
func TestInspectAnswer(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	except := haechi.Exception{Service: "shop", Rule: 951230, Path: "/manual", Where: "RESPONSE_BODY", Owner: "kim", Expires: now.Add(time.Hour)}
	w, err := waf.New(waf.Config{Exceptions: func() []haechi.Exception { return []haechi.Exception{except} }, Services: map[string]waf.Service{
		"shop": {Policy: waf.Policy{Mode: haechi.Off}, Answers: waf.AnswerPolicy{Mode: haechi.Enforce, MaxBody: 4096},
			Routes: []waf.Route{{Path: "/look", Answers: haechi.Shadow}, {Path: "/free", Answers: haechi.Off}}},
		"plain": {Policy: waf.Policy{Mode: haechi.Enforce}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	const leak = "You have an error in your SQL syntax; check the manual"
	html := http.Header{"Content-Type": {"text/html"}}
	gz := http.Header{"Content-Type": {"text/html"}, "Content-Encoding": {"gzip"}}
	ask := func(service, path string, a *haechi.Answer) haechi.Verdict {
		return w.InspectAnswer(&haechi.Request{Service: service, Path: path, Target: path, Method: "GET", Protocol: "HTTP/1.1", Actor: &haechi.Actor{}}, a, now)
	}
	for _, c := range []struct {
		name, service, path string
		answer              *haechi.Answer
		denies, shadow      bool
	}{
		{"a leak", "shop", "/", reply([]byte(leak), html), true, false},
		{"an honest page", "shop", "/", reply([]byte("<p>hello</p>"), html), false, false},
		{"compressed", "shop", "/", reply([]byte(zipped(leak)), gz), true, false},
		{"compressed, cut", "shop", "/", reply([]byte(zipped(leak + strings.Repeat(string(shopPage()), 9)))[:300], gz), true, false},
		{"compressed, and honest", "shop", "/", reply([]byte(zipped("<p>hello</p>")), gz), false, false},
		{"said to be compressed", "shop", "/", reply([]byte("no gzip"), gz), false, false},
		{"beyond what is judged", "shop", "/", reply([]byte(strings.Repeat(" ", 4096)+leak), html), false, false},
		{"excepted", "shop", "/manual", reply([]byte(leak), html), false, false},
		{"in shadow", "shop", "/look", reply([]byte(leak), html), true, true},
		{"a way to read /look otherwise", "shop", "/LOOK", reply([]byte(leak), html), true, false},
		{"off", "shop", "/free", reply([]byte(leak), html), false, false},
		{"another service", "plain", "/", reply([]byte(leak), html), false, false},
	} {
		v := ask(c.service, c.path, c.answer)
		if (v.Action == haechi.Deny) != c.denies || v.Shadow != c.shadow {
			t.Errorf("%s: %+v", c.name, v)
		}
		if c.denies && (v.Reason != haechi.ReasonLeak || v.Rule != "waf/951230" || v.Ref == "" || v.Threshold != 4 || strings.Contains(v.Hits, "syntax")) {
			t.Errorf("%s: %+v", c.name, v)
		}
	}
	if v := ask("shop", "/manual", reply([]byte(leak), html)); !strings.Contains(v.Hits, "~") {
		t.Errorf("an excepted hit is still recorded: %q", v.Hits)
	}
	for path, want := range map[string]bool{"/": true, "/look": false} {
		if most, hold := w.WantsAnswer(&haechi.Request{Service: "shop", Path: path}); most != 4096 || hold != want {
			t.Errorf("%s: %d %v", path, most, hold)
		}
	}
}

// FuzzAnswers: the fast engine finds what Coraza finds, in any body.
func FuzzAnswers(f *testing.F) {
	plain, fast := newAnswers(f, waf.Ruleset{Paranoia: 2}, false), newAnswers(f, waf.Ruleset{Paranoia: 2}, true)
	for text := range leaks() {
		f.Add([]byte(text), 200)
	}
	f.Add([]byte("Sy\u017ftem.Data.SqlClient.SqlException"), 500)
	f.Fuzz(func(t *testing.T, body []byte, status int) {
		if len(body) > 1<<10 || status < 200 || status > 599 {
			t.Skip()
		}
		v := answered(status, "text/html", body)
		var want, got waf.Result
		if err := plain.JudgeAnswer(v, &want); err != nil {
			t.Skip()
		}
		if err := fast.JudgeAnswer(v, &got); err != nil || want.Score != got.Score || !slices.Equal(want.Hits, got.Hits) {
			t.Errorf("%q: Coraza %v, fast %v %v", body, want.Hits, got.Hits, err)
		}
	})
}

// BenchmarkAnswer is an honest page of 10 KB.
func BenchmarkAnswer(b *testing.B) {
	page := shopPage()
	for name, fast := range map[string]bool{"fast": true, "oracle": false} {
		a := newAnswers(b, waf.Ruleset{}, fast)
		v := answered(200, "text/html", page)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(page)))
			var out waf.Result
			for b.Loop() {
				out.Reset()
				if err := a.JudgeAnswer(v, &out); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
