package waftest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"mime/multipart"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"haechi/internal/inspect/waf"
)

// Benign makes requests as people and their programs send them.
type Benign struct{ *rand.Rand }

// NewBenign makes the same requests for the same seed.
func NewBenign(seed uint64) Benign { return Benign{rand.New(rand.NewPCG(seed, 0x6861656368))} }

func pick[T any](b Benign, all ...T) T { return all[b.IntN(len(all))] }

// Kinds are the classes of requests that [Benign] makes.
func Kinds() []string { return []string{"page", "asset", "search", "api", "form", "json", "upload"} }

// Mixed is the kind of the nth request: as a site sees them, most ask for pages and what
// belongs to them.
func Mixed(n int) string {
	switch n % 20 {
	case 0, 1, 2, 3, 4:
		return "page"
	case 5, 6, 7, 8, 9:
		return "asset"
	case 10, 11, 12:
		return "search"
	case 13, 14, 15:
		return "api"
	case 16, 17:
		return "form"
	case 18:
		return "json"
	}
	return "upload"
}

// Make makes one request of the kind.
func (b Benign) Make(kind string) *waf.View {
	v := &waf.View{Client: netip.AddrFrom4([4]byte{203, 0, 113, byte(b.IntN(250))}), Method: "GET", Protocol: pick(b, "HTTP/1.1", "HTTP/2.0"), Host: b.host()}
	switch kind {
	case "page":
		v.Target = b.path()
		if b.IntN(3) == 0 {
			v.Target += "?" + b.paging()
		}
	case "asset":
		v.Target = b.asset()
	case "search":
		v.Target = pick(b, "/search", "/shop/find", "/ko/search") + "?" + pick(b, "q", "query", "keyword", "s") + "=" + url.QueryEscape(b.phrase()) + pick(b, "", "&"+b.paging())
	case "api":
		v.Method = pick(b, "GET", "GET", "DELETE", "PUT")
		v.Target = fmt.Sprintf("/api/v%d/%s/%d", 1+b.IntN(3), pick(b, "users", "orders", "items", "rooms"), b.IntN(1e6)) + pick(b, "", "?expand=items,owner", "?fields=id,name")
	}
	v.Headers = b.headers(v.Host)
	switch kind {
	case "json":
		b.post(v, "application/json"+pick(b, "", "; charset=utf-8"), b.document())
	case "form":
		b.post(v, "application/x-www-form-urlencoded", []byte(b.fields().Encode()))
	case "upload":
		body, kind := b.files()
		b.post(v, kind, body)
	}
	return v
}

func (b Benign) post(v *waf.View, kind string, body []byte) {
	v.Method, v.Target, v.Body = "POST", b.path(), body
	v.Headers = append(v.Headers, waf.Field{Name: "Content-Type", Value: kind}, waf.Field{Name: "Content-Length", Value: strconv.Itoa(len(body))},
		waf.Field{Name: "Origin", Value: "https://" + v.Host})
}

func (b Benign) host() string {
	return pick(b, "shop.example.co.kr", "www.example.com", "api.example.net", "blog.example.org", "intra.example.com:8443")
}

func (b Benign) path() string {
	return pick(b, "/", "/index.html", "/products/", "/ko/about", "/assets/app.css", "/static/js/main.4f2a9c.js", "/images/logo@2x.png", "/blog/2026/11/how-we-deploy", "/cart",
		"/account/settings", "/%EC%83%81%ED%92%88/%EB%AA%A9%EB%A1%9D", "/item/"+strconv.Itoa(b.IntN(1e5)), "/wiki/Main_Page", "/graphql", "/upload")
}

// asset is what a page loads: scripts by their hash, pictures in sizes, what campaigns
// and analytics add.
func (b Benign) asset() string {
	return pick(b, "/static/js/"+b.hex(8)+".chunk.js", "/assets/app."+b.hex(20)+".css?v="+b.digits(10), "/images/"+b.digits(6)+"_w"+b.digits(3)+".webp", "/favicon.ico", "/robots.txt",
		"/thumb/"+b.hex(2)+"/"+b.hex(32)+".jpg?type=w"+b.digits(3)+"&quality=80", "/fonts/NotoSansKR-Regular.woff2", "/wp-content/uploads/2026/"+b.digits(2)+"/image-"+b.digits(3)+".png",
		"/?utm_source=newsletter&utm_medium=email&utm_campaign="+url.QueryEscape(b.phrase())+"&gclid="+b.hex(40), "/_next/data/"+b.hex(21)+"/ko/products/"+b.digits(5)+".json?slug="+b.digits(5),
		"/g/collect?v=2&tid=G-"+b.hex(10)+"&cid="+b.digits(9)+"."+b.digits(10)+"&dl=https%3A%2F%2Fshop.example.com%2Fitem%2F"+b.digits(4)+"&sr=1920x1080", "/socket.io/?EIO=4&transport=polling&t="+b.hex(7))
}

func (b Benign) paging() string {
	return fmt.Sprintf("page=%d&size=%d&sort=%s", b.IntN(50), pick(b, 10, 20, 50), pick(b, "price_asc", "newest", "name", "-created"))
}

func (b Benign) headers(host string) []waf.Field {
	h := []waf.Field{{Name: "Host", Value: host}, {Name: "User-Agent", Value: b.agent()}, {Name: "Accept", Value: pick(b,
		"text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8", "*/*", "application/json, text/plain, */*", "image/avif,image/webp,image/png,*/*;q=0.8")},
		{Name: "Accept-Language", Value: pick(b, "ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7", "en-US,en;q=0.5", "ko")}, {Name: "Accept-Encoding", Value: "gzip, deflate, br, zstd"}}
	if b.IntN(2) == 0 {
		h = append(h, waf.Field{Name: "Referer", Value: "https://" + host + pick(b, "/", "/search?q="+url.QueryEscape(b.phrase()), "/item/17")})
	}
	if b.IntN(4) != 0 {
		h = append(h, waf.Field{Name: "Cookie", Value: b.cookies()})
	}
	return append(h, waf.Field{Name: "Sec-Fetch-Mode", Value: pick(b, "navigate", "cors")}, waf.Field{Name: "Connection", Value: "keep-alive"})
}

func (b Benign) agent() string {
	return fmt.Sprintf(pick(b, "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/%d.0.0.0 Safari/537.36",
		"Mozilla/5.0 (iPhone; CPU iPhone OS %d_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 KAKAOTALK 10.8.5",
		"Mozilla/5.0 (X11; Linux x86_64; rv:%d.0) Gecko/20100101 Firefox/128.0", "okhttp/4.%d.0"), 10+b.IntN(120))
}

// cookies are those of products that many sites use.
func (b Benign) cookies() string {
	all := []string{"JSESSIONID=" + b.hex(32), "PHPSESSID=" + b.hex(26), "_ga=GA1.1." + b.digits(9) + "." + b.digits(10), "_gid=GA1.3." + b.digits(9) + "." + b.digits(10),
		"csrftoken=" + b.hex(64), "sessionid=" + b.hex(32), "connect.sid=s%3A" + b.hex(32) + "." + b.hex(43), "lang=ko", "theme=dark", "_fbp=fb.1." + b.digits(13) + "." + b.digits(9),
		"wordpress_logged_in_" + b.hex(32) + "=user%7C" + b.digits(10) + "%7C" + b.hex(43), "laravel_session=eyJpdiI6" + b.hex(40) + "%3D%3D", "XSRF-TOKEN=" + b.hex(40), "_ga_" + b.hex(10) + "=GS1.1." + b.digits(10) + ".3.1." + b.digits(10) + ".60.0.0",
		"NNB=" + b.hex(13), "PCID=" + b.digits(20), "wcs_bt=" + b.hex(12) + ":" + b.digits(10), "_hjSessionUser_" + b.digits(7) + "=" + b.hex(60), "AWSALB=" + b.hex(80), "cookieconsent_status=dismiss", "OptanonConsent=isGpcEnabled=0&datestamp=Sun+Nov+29+2026+09%3A30%3A00+GMT%2B0900&version=6.33.0",
		"token=eyJhbGciOiJIUzI1NiJ9." + b.hex(40) + "." + b.hex(43), "cart=%7B%22items%22%3A%5B1%2C2%5D%7D", "__cf_bm=" + b.hex(43) + "-" + b.digits(10) + "-0-" + b.hex(20)}
	b.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return strings.Join(all[:1+b.IntN(6)], "; ")
}

func (b Benign) hex(n int) string {
	var s strings.Builder
	for range n {
		s.WriteByte("0123456789abcdef"[b.IntN(16)])
	}
	return s.String()
}

func (b Benign) digits(n int) string {
	var s strings.Builder
	for range n {
		s.WriteByte('0' + byte(b.IntN(10)))
	}
	return s.String()
}

// phrase is what people look for or write, in Korean and English.
func (b Benign) phrase() string {
	ko := []string{"겨울", "코트", "무료", "배송", "서울", "맛집", "추천", "노트북", "가격", "비교", "오늘", "날씨", "휴대폰 케이스", "할인율 50%", "선물(어머니)", "\"정품\"", "후기!", "A/S", "6호 & 7호"}
	en := []string{"winter", "coat", "free", "delivery", "best", "laptop", "under", "500", "dollars", "how", "to", "choose", "a", "bike", "for", "kids", "red", "and", "blue", "don't", "rock'n'roll", "size:42", "C++", "50%", "black & white", "(new)", "select", "the", "order", "by", "union", "station", "or", "table", "from", "Seoul"}
	words := pick(b, ko, en)
	var s []string
	for range 1 + b.IntN(6) {
		s = append(s, words[b.IntN(len(words))])
	}
	return strings.Join(s, " ")
}

func (b Benign) name() string {
	return pick(b, "김민수", "이서연", "John Smith", "Anne O'Neill", "박지훈", "María López")
}

// fields are those of a login, an order or a comment.
func (b Benign) fields() url.Values {
	return pick(b, url.Values{"username": {"user" + b.digits(4)}, "password": {b.hex(10) + "A!"}, "remember": {"on"}, "csrf": {b.hex(32)}},
		url.Values{"name": {b.name()}, "email": {"user" + b.digits(3) + "@example.com"}, "phone": {"+82-10-" + b.digits(4) + "-" + b.digits(4)}, "address": {"서울특별시 강남구 테헤란로 " + b.digits(3) + ", 101동 (역삼동)"}, "qty": {b.digits(1)}},
		url.Values{"comment": {b.phrase() + ". " + b.phrase() + "!"}, "post_id": {b.digits(5)}, "rating": {b.digits(1)}})
}

// size is a size as sizes are: half are below twice the least, few are large (Pareto's
// law with exponent 1.1), none is above the most.
func (b Benign) size(least, most int) int {
	return min(most, int(float64(least)*math.Pow(1-b.Float64(), -1/1.1)))
}

// document is the body of a JSON API: mostly a small command, else a list.
func (b Benign) document() []byte {
	raw, err := json.Marshal(pick(b, b.command, b.command, b.order)())
	must(err)
	return raw
}

// command is what a page's program sends while somebody clicks and writes.
func (b Benign) command() any {
	return pick(b, map[string]any{"email": "user" + b.digits(3) + "@example.com", "password": b.hex(10) + "A!", "remember": true},
		map[string]any{"room": b.digits(12), "text": b.phrase(), "mentions": []string{}, "clientId": b.hex(16)},
		map[string]any{"event": pick(b, "page_view", "add_to_cart", "scroll"), "ts": 1764400000000 + b.IntN(1e9), "session": b.hex(32), "props": map[string]any{"path": b.path(), "ms": b.IntN(9000), "width": 1920}},
		map[string]any{"query": "query Item($id: ID!) { item(id: $id) { id name price } }", "variables": map[string]any{"id": b.digits(5)}, "operationName": "Item"})
}

// order has one thing or a few, seldom many.
func (b Benign) order() any {
	items := []any{}
	for range b.size(1, 60) {
		items = append(items, map[string]any{"id": b.IntN(1e6), "name": b.phrase(), "price": float64(b.IntN(1e6)) / 100, "tags": []string{b.hex(4), "sale"}, "active": b.IntN(2) == 0, "note": nil})
	}
	return map[string]any{"user": map[string]any{"id": b.hex(8), "name": b.name(), "locale": "ko-KR"}, "items": items, "at": "2026-11-28T09:30:00+09:00", "ref": "https://shop.example.com/a/" + b.hex(6)}
}

// files is an upload of a picture or document with a field.
func (b Benign) files() (body []byte, kind string) {
	var buf bytes.Buffer
	w := multipart.NewWriter(&buf)
	must(w.WriteField("title", b.phrase()))
	f, err := w.CreateFormFile("file", pick(b, "photo", "보고서", "scan_2026", "IMG-"+b.digits(4))+pick(b, ".jpg", ".pdf", ".png", ".hwp"))
	must(err)
	file := make([]byte, b.size(500, 200<<10))
	for i := range file {
		file[i] = byte(b.Uint32())
	}
	_, err = f.Write(file)
	must(err)
	must(w.Close())
	return buf.Bytes(), w.FormDataContentType()
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
