package web_test

import (
	"encoding/base64"
	"encoding/binary"
	"strconv"
	"strings"
	"testing"

	"haechi"
	"haechi/internal/sensor"
	"haechi/internal/sensor/talk"
	"haechi/internal/sensor/talk/talktest"
	"haechi/internal/sensor/talk/web"
)

func get(path string, fields ...string) string {
	return "GET " + path + " HTTP/1.1\r\nHost: shop.example.com:8080\r\n" + strings.Join(append(fields, "", ""), "\r\n")
}

func status(line string, fields ...string) string {
	return "HTTP/1.1 " + line + "\r\n" + strings.Join(append(fields, "", ""), "\r\n")
}

func basic(pair string) string {
	return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(pair))
}

func browsing() []said {
	return []said{
		in(get("/a?x=1", "User-Agent: Mozilla/5.0", "accept: */*", "Accept-Language: ko", "Cookie: a=b")), out(status("200 OK", "Content-Length: 5") + "hello"),
		in("POST /form HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab\r\nc\r\n0\r\nX: y\r\n\r\n" + get("/piped") + get("/piped2")),
		out(status("100 Continue") + status("302 Found", "Transfer-Encoding: chunked") + "3;ext=1\r\nabc\r\n0\r\n\r\n"),
		out(status("204 No Content") + status("404 Not Found", "Content-Length: 0")),
		in("HEAD http://other.example:81/x HTTP/1.1\r\nHost: a\r\n\r\n"), out(status("200 OK", "Content-Length: 5000")),
		in(get("/last")), out(status("500 Oops") + "to the end"),
	}
}

func TestRequests(t *testing.T) {
	events := anyCut(t, 80, browsing())
	var got []string
	for _, e := range events {
		got = append(got, e.Method+" "+e.Host+e.Path+" "+e.Outcome.String())
		if e.Kind != haechi.KindRequest || e.Protocol != "http" || e.Headers&haechi.HeadersRead == 0 {
			t.Errorf("told %+v", e)
		}
	}
	want := "GET shop.example.com/a success|POST b/form success|GET shop.example.com/piped success|GET shop.example.com/piped2 failure|HEAD other.example/x success|GET shop.example.com/last failure"
	if g := strings.Join(got, "|"); g != want {
		t.Fatalf("told %s", g)
	}
	first, post := events[0], events[1]
	if first.Status != 200 || first.UserAgent != "Mozilla/5.0" || first.Headers != haechi.HeadersRead|haechi.HasAccept|haechi.HasLanguage|haechi.HasCookie ||
		first.BytesIn != int64(len(browsing()[0].Text)) || first.BytesOut != int64(len(browsing()[1].Text)) {
		t.Errorf("told %+v", first)
	}
	if head := int64(len("POST /form HTTP/1.1\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n")); post.BytesIn != head+5 || post.Status != 302 {
		t.Errorf("told %+v", post)
	}
	if last := events[5]; last.BytesOut != int64(len(status("500 Oops")+"to the end")) {
		t.Errorf("told %+v", last)
	}
}

// A request without an answer is told at the end; more than may wait, at once.
func TestUnanswered(t *testing.T) {
	events := anyCut(t, 80, []said{in(strings.Repeat(get("/x"), 20))})
	if len(events) != 20 || events[0].Status != 0 || events[0].Outcome != haechi.Unknown {
		t.Errorf("told %q", talktest.Facts(events))
	}
}

func ntlm(step uint32, user string) string {
	b := binary.LittleEndian.AppendUint32([]byte("NTLMSSP\x00"), step)
	for len(b) < 64 {
		b = append(b, 0)
	}
	if step == 3 {
		binary.LittleEndian.PutUint16(b[36:], uint16(2*len(user)))
		binary.LittleEndian.PutUint32(b[40:], uint32(len(b)))
		b[60] = 1
		for _, c := range user {
			b = append(b, byte(c), 0)
		}
	}
	return string(b)
}

func authorization(scheme, message string) string {
	return "Authorization: " + scheme + " " + base64.StdEncoding.EncodeToString([]byte(message))
}

func TestHTTPLogins(t *testing.T) {
	refused := out(status("401 Unauthorized", "WWW-Authenticate: Basic realm=x", "Content-Length: 0"))
	fine := out(status("200 OK", "Content-Length: 0"))
	for _, test := range []struct {
		name string
		talk []said
		want string
	}{
		{"guessing", []said{in(get("/", basic("admin:a"))), refused, in(get("/", basic("root:12345"))), refused, in(get("/", basic("admin:right"))), fine, in(get("/2", basic("admin:right"))), fine},
			"admin failure basic|root failure default:mirai|admin success basic"},
		{"digest", []said{in(get("/", `Authorization: Digest username="ann", nonce="1"`)), out(status("401 no", "WWW-Authenticate: Digest stale=TRUE", "Content-Length: 0")),
			in(get("/", `Authorization: Digest username="ann", nonce="2"`)), refused}, "ann failure digest"},
		{"ntlm", []said{in(get("/", authorization("NTLM", ntlm(1, "")))), refused, in(get("/", authorization("NTLM", ntlm(3, "bob")))), refused}, "bob failure ntlm"},
		{"form", []said{in("POST /api/login HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na=b"), refused, in("POST /login HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na=b"), fine,
			in("POST /cart HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na=b"), refused}, " failure form"},
		{"page loads", []said{in(get("/login")), refused, in(get("/login")), refused, in(get("/")), out(status("403 no", "Content-Length: 0"))}, ""},
		{"broken", []said{in(get("/", "Authorization: Basic %%%%")), refused, in(get("/", "Authorization: NTLM")), refused, in(get("/", "Authorization: Bearer x")), refused}, ""},
	} {
		if got := strings.Join(talktest.Logins(anyCut(t, 80, test.talk)), "|"); got != test.want {
			t.Errorf("%s: told %q, want %q", test.name, got, test.want)
		}
	}
}

func TestConnect(t *testing.T) {
	hello := talktest.Hello("inner.example.com")
	talk := []said{in("CONNECT inner.example.com:443 HTTP/1.1\r\nHost: inner.example.com:443\r\n\r\n"), out(status("200 Connection established")), hello, out("\x16\x03\x03")}
	events := anyCut(t, 8080, talk)
	if len(events) != 2 || events[0].Method != "CONNECT" || events[0].Host != "inner.example.com" || events[1].Name != "inner.example.com" {
		t.Errorf("told %q", talktest.Facts(events))
	}
	talk[1] = out(status("407 no", "Content-Length: 2") + "no")
	if events := anyCut(t, 8080, talk); len(events) != 1 || events[0].Status != 407 {
		t.Errorf("told %q", talktest.Facts(events))
	}
}

func soap(action, resource string) string {
	body := `<s:Envelope><w:ResourceURI s:mustUnderstand="true">` + resource + `</w:ResourceURI><a:Action>` + action + `</a:Action>` + strings.Repeat(" ", 6000)
	return "POST /wsman HTTP/1.1\r\nHost: a\r\nContent-Type: application/soap+xml\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n" + body
}

func TestWinRM(t *testing.T) {
	fine := out(status("200 OK", "Content-Length: 0"))
	const shell = "http://schemas.microsoft.com/wbem/wsman/1/windows/shell/cmd"
	sealed := "POST /wsman?PSVersion=5.1 HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/encrypted;boundary=x\r\nContent-Length: 3\r\n\r\nxyz"
	events := anyCut(t, 5985, []said{in(soap("http://schemas.xmlsoap.org/ws/2004/09/transfer/Create", shell)), fine,
		in(soap("http://schemas.microsoft.com/wbem/wsman/1/windows/shell/Command", shell)), fine, in(sealed), fine, in(sealed), fine})
	var got []string
	for _, e := range events {
		if e.Kind == haechi.KindCall {
			got = append(got, e.Protocol+" "+e.Type+" "+e.Name)
		}
	}
	if g := strings.Join(got, "|"); g != "winrm winrm.Create cmd|winrm winrm.Command cmd|winrm winrm.Encrypted powershell" {
		t.Errorf("told %s", g)
	}
}

// What is lost in a body does not matter; after a head that was lost, the next one is heard.
func TestHTTPLoss(t *testing.T) {
	e := newEar(talktest.Config())
	id := e.Open(talktest.Ends(haechi.TCP, 80), talktest.Start())
	say := func(client bool, seq uint32, b string, length int) {
		e.Data(id, &sensor.Segment{Time: talktest.Start(), FromClient: client, Seq: seq, Bytes: []byte(b), Length: length})
	}
	say(true, 0, get("/a"), len(get("/a")))
	head := status("200 OK", "Content-Length: 5000")
	say(false, 0, head, len(head)+1460) // the capture cut the packet
	say(false, uint32(len(head)+5000), status("200 OK"), len(status("200 OK")))
	for i := range 9 { // more than is waited for
		say(false, uint32(len(head)+9000+1000*i), strings.Repeat("x", 1000), 1000)
	}
	if len(e.Events) != 1 || e.Events[0].BytesOut != int64(len(head)+5000) {
		t.Errorf("told %q", talktest.Facts(e.Events))
	}
	say(true, 5000, strings.Repeat("y", 1000), 1000)
	for i := range 9 {
		say(true, uint32(6000+1000*i), strings.Repeat("y", 1000), 1000)
	}
	say(true, 15000, get("/b"), len(get("/b")))
	e.Close(id, talktest.Start())
	talktest.Check(t, e)
	if len(e.Events) != 2 || e.Events[1].Path != "/b" {
		t.Errorf("told %q", talktest.Facts(e.Events))
	}
}

// BenchmarkBody is the common case: a segment of a body that nobody reads.
func BenchmarkBody(b *testing.B) {
	l := talk.New(talk.Config{}, func(*haechi.Event) {}, web.Accents())
	id := l.Open(talktest.Ends(haechi.TCP, 80), talktest.Start())
	data, seq := []byte(status("200 OK", "Content-Length: 281474976710655")), uint32(0)
	l.Data(id, &sensor.Segment{Time: talktest.Start(), FromClient: true, Bytes: []byte(get("/")), Length: len(get("/"))})
	l.Data(id, &sensor.Segment{Time: talktest.Start(), Bytes: data, Length: len(data)})
	seq = uint32(len(data))
	data = make([]byte, 1460)
	b.ReportAllocs()
	for b.Loop() {
		if _, more := l.Data(id, &sensor.Segment{Time: talktest.Start(), Seq: seq, Bytes: data, Length: len(data)}); !more {
			b.Fatal("let go")
		}
		seq += uint32(len(data))
	}
}

func BenchmarkRequest(b *testing.B) {
	l := talk.New(talk.Config{}, func(*haechi.Event) {}, web.Accents())
	id := l.Open(talktest.Ends(haechi.TCP, 80), talktest.Start())
	ask := []byte(get("/a?x=1", "User-Agent: Mozilla/5.0 (X11; Linux x86_64)", "accept: */*", "Accept-Language: ko", "Cookie: a=b"))
	answer := []byte(status("200 OK", "Content-Length: 0"))
	seqs := [2]uint32{}
	b.ReportAllocs()
	for b.Loop() {
		l.Data(id, &sensor.Segment{Time: talktest.Start(), FromClient: true, Seq: seqs[0], Bytes: ask, Length: len(ask)})
		l.Data(id, &sensor.Segment{Time: talktest.Start(), Seq: seqs[1], Bytes: answer, Length: len(answer)})
		seqs[0] += uint32(len(ask))
		seqs[1] += uint32(len(answer))
	}
}
