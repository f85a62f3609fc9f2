package sieve_test

import (
	"bytes"
	"fmt"
	"mime/multipart"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"haechi/internal/inspect/waf"
	"haechi/internal/inspect/waf/sieve"
)

// view is a browser's request.
func view(method, target, kind string, body []byte) *waf.View {
	v := &waf.View{Client: netip.MustParseAddr("203.0.113.7"), Method: method, Target: target, Protocol: "HTTP/1.1", Host: "shop.example.com", Body: body}
	v.Headers = []waf.Field{{Name: "Host", Value: v.Host},
		{Name: "User-Agent", Value: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"},
		{Name: "Accept", Value: "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"},
		{Name: "Accept-Language", Value: "ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7"}, {Name: "Accept-Encoding", Value: "gzip, deflate, br"},
		{Name: "Referer", Value: "https://shop.example.com/products"}, {Name: "Cookie", Value: "sessionid=3f9d2c4b5a6978e0f1d2c3b4a5968778; _ga=GA1.1.123456789.1700000000; lang=ko"},
		{Name: "Connection", Value: "keep-alive"}}
	if body != nil {
		v.Headers = append(v.Headers, waf.Field{Name: "Content-Type", Value: kind}, waf.Field{Name: "Content-Length", Value: strconv.Itoa(len(body))})
	}
	return v
}

// views are the requests of the benchmark. JSON has 97 values in about 2 KB.
func views() map[string]*waf.View {
	var json strings.Builder
	json.WriteString(`{"order":"A-1027","items":[`)
	for i := range 24 {
		if i > 0 {
			json.WriteByte(',')
		}
		fmt.Fprintf(&json, `{"id":%d,"name":"winter coat %d","price":%d.50,"color":"navy blue","stock":true}`, 1000+i, i, 20+i)
	}
	json.WriteString(`]}`)
	var up bytes.Buffer
	w := multipart.NewWriter(&up)
	must(w.SetBoundary("----haechi7MA4YWxkTrZu0gW"))
	must(w.WriteField("title", "겨울 여행 사진"))
	f, err := w.CreateFormFile("file", "photo.jpg")
	must(err)
	_, err = f.Write(bytes.Repeat([]byte("\xff\xd8abcdefgh\x00\x01\x02"), 100<<10/13))
	must(err)
	must(w.Close())
	return map[string]*waf.View{
		"GET":    view("GET", "/search?q=winter+coat&page=2&sort=price_asc", "", nil),
		"Korean": view("GET", "/search?q=%EA%B2%A8%EC%9A%B8+%EC%BD%94%ED%8A%B8+%EB%AC%B4%EB%A3%8C+%EB%B0%B0%EC%86%A1", "", nil),
		"JSON":   view("POST", "/api/orders", "application/json", []byte(json.String())),
		"form":   view("POST", "/login", "application/x-www-form-urlencoded", []byte("username=minsu&password=Correct1Horse&csrf=8f14e45fceea167a5a36dedd4bea2543&next=%2Faccount")),
		"upload": view("POST", "/upload", w.FormDataContentType(), up.Bytes()),
		"attack": view("GET", "/search?q=1%27+union+select+password+from+users--", "", nil),
		"slow":   view("POST", "/login", "application/x-www-form-urlencoded", []byte("a="+strings.Repeat("select%20%27%3C\\x41%26%2F*", 400))),
	}
}

// BenchmarkJudge measures the sieve before the oracle.
func BenchmarkJudge(b *testing.B) {
	p := newPair(b, waf.Ruleset{})
	for _, name := range []string{"GET", "Korean", "JSON", "form", "upload", "attack", "slow"} {
		b.Run(name, func(b *testing.B) { judge(b, p.sieve, views()[name]) })
	}
}

// BenchmarkUnseen measures requests no value of which was seen before: each has other
// cookies, parameters and agent.
func BenchmarkUnseen(b *testing.B) {
	p := newPair(b, waf.Ruleset{})
	v, agent := views()["GET"], views()["GET"].Headers[1].Value
	var out waf.Result
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		n++
		id := strconv.Itoa(n)
		v.Target = "/search?q=winter+coat+" + id + "&page=" + id + "&sort=price_asc"
		v.Headers[1].Value = agent + id
		v.Headers[6].Value = "sessionid=3f9d2c4b5a6978e0f1d2c3b4a596" + id + "; _ga=GA1.1.123456789." + id + "; lang=ko"
		out.Reset()
		if ok, rule := p.sieve.Clear(v, &out); !ok {
			b.Fatalf("not cleared, for %d", rule)
		}
	}
}

// BenchmarkUnseenJSON is BenchmarkUnseen with 2 KB of JSON: 24 numbers and names are new.
func BenchmarkUnseenJSON(b *testing.B) {
	p := newPair(b, waf.Ruleset{})
	v := views()["JSON"]
	var out waf.Result
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		n++
		v.Body = append(v.Body[:0], `{"order":"A-`...)
		v.Body = append(strconv.AppendInt(v.Body, int64(n), 10), `","items":[`...)
		for i := range 24 {
			if i > 0 {
				v.Body = append(v.Body, ',')
			}
			v.Body = fmt.Appendf(v.Body, `{"id":%d,"name":"winter coat %d","price":%d.50,"color":"navy blue","stock":true}`, n*24+i, n*24+i, 20+i)
		}
		v.Body = append(v.Body, `]}`...)
		out.Reset()
		if ok, rule := p.sieve.Clear(v, &out); !ok {
			b.Fatalf("not cleared, for %d", rule)
		}
	}
}

// BenchmarkOracle measures the oracle alone.
func BenchmarkOracle(b *testing.B) {
	p := newPair(b, waf.Ruleset{})
	for _, name := range []string{"GET", "Korean", "JSON", "form", "upload", "attack", "slow"} {
		b.Run(name, func(b *testing.B) { judge(b, p.oracle, views()[name]) })
	}
}

func judge(b *testing.B, e waf.Engine, v *waf.View) {
	var out waf.Result
	b.ReportAllocs()
	for b.Loop() {
		out.Reset()
		if err := e.Judge(v, &out); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLoad measures how long loading the Core Rule Set takes, oracle and sieve
// together: the first time, which is only right with -benchtime 1x and nothing before it, and
// again with one rule changed, as a reload does.
func BenchmarkLoad(b *testing.B) {
	n := 0
	load := func(b *testing.B) {
		for b.Loop() {
			n++
			r := waf.Ruleset{After: fmt.Sprintf("SecRule ARGS:none \"@streq %d\" \"id:10001,phase:2,deny,log\"\n", n)}
			o, err := waf.NewOracle(r)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := sieve.New(r, o); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("first", load)
	b.Run("again", load)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
