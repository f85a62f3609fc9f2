package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
)

// wafLoad is one kind of request that the application firewalls are asked to judge.
type wafLoad struct {
	name, title string
	status      int // that every firewall must answer
	// head is the request line with the number of the request in it, kind the media type
	// of the body and body the body of that number.
	head func(n int) string
	kind string
	body func(dst []byte, n int) []byte
}

const boundary = "----haechi7MA4YWxkTrZu0gW"

// uploadSize is the length of an upload's file, in bytes.
const uploadSize = 100 << 10

// wafLoads are the kinds. Requests of a kind differ in what differs between visitors:
// session, parameters, names and numbers.
func wafLoads() []wafLoad {
	picture := noise(uploadSize)
	return []wafLoad{
		{name: "get", title: "GET with a query", status: http.StatusOK,
			head: func(n int) string {
				return fmt.Sprintf("GET /search?q=winter+coat+%d&page=%d&sort=price_asc", n, n%50)
			}},
		{name: "json", title: "POST of 2 KB of JSON, 97 values", status: http.StatusOK, head: posted("/api/orders"), kind: "application/json", body: order},
		{name: "form", title: "POST of a login form", status: http.StatusOK, head: posted("/login"), kind: "application/x-www-form-urlencoded", body: login},
		{name: "upload", title: "upload of 100 KB", status: http.StatusOK, head: posted("/upload"), kind: "multipart/form-data; boundary=" + boundary,
			body: func(dst []byte, n int) []byte { return upload(dst, n, picture) }},
		{name: "attack", title: "SQL injection", status: http.StatusForbidden,
			head: func(n int) string { return fmt.Sprintf("GET /search?q=%d%%27+union+select+password+from+users--", n) }},
	}
}

func posted(path string) func(int) string { return func(int) string { return "POST " + path } }

// noise is a file that is no text; the same in every run.
func noise(n int) []byte {
	dice := rand.New(rand.NewPCG(5, 5))
	out := make([]byte, n)
	for i := range out {
		out[i] = byte(dice.Uint32())
	}
	return out
}

func order(dst []byte, n int) []byte {
	dst = fmt.Appendf(dst, `{"order":"A-%d","items":[`, n)
	for i := range 24 {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = fmt.Appendf(dst, `{"id":%d,"name":"winter coat %d","price":%d.50,"color":"navy blue","stock":true}`, 1000+(n*7+i)%100_000, (n+i)%1000, 20+i)
	}
	return append(dst, `]}`...)
}

func login(dst []byte, n int) []byte {
	return fmt.Appendf(dst, "username=minsu%d&password=Correct%dHorse&csrf=8f14e45fceea167a5a36dedd%08x&next=%%2Faccount", n, n*3, uint32(n)*2654435761)
}

func upload(dst []byte, n int, picture []byte) []byte {
	dst = fmt.Appendf(dst, "--%s\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nwinter trip %d\r\n"+
		"--%s\r\nContent-Disposition: form-data; name=\"file\"; filename=\"photo%d.jpg\"\r\nContent-Type: image/jpeg\r\n\r\n", boundary, n, boundary, n)
	dst = append(dst, picture...)
	return append(dst, "\r\n--"+boundary+"--\r\n"...)
}

// build appends the request of that number as a browser sends it. room is for its body.
func (w *wafLoad) build(dst []byte, host string, n int, room *[]byte) []byte {
	dst = append(dst, w.head(n)...)
	dst = fmt.Appendf(dst, " HTTP/1.1\r\nHost: %s\r\nUser-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36\r\n"+
		"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\nAccept-Language: ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7\r\n"+
		"Accept-Encoding: gzip, deflate, br\r\nReferer: https://shop.example.com/item/%d\r\n"+
		"Cookie: sessionid=3f9d2c4b5a6978e0f1d2c3b4%08x; _ga=GA1.1.%d.1700000000; lang=ko\r\n", host, 120+n%20, n%1000, uint32(n)*2246822519, 100_000_000+n)
	if w.body == nil {
		return append(dst, "\r\n"...)
	}
	body := w.body((*room)[:0], n)
	*room = body
	dst = append(append(append(dst, "Content-Type: "...), w.kind...), "\r\nContent-Length: "...)
	dst = append(strconv.AppendInt(dst, int64(len(body)), 10), "\r\n\r\n"...)
	return append(dst, body...)
}
