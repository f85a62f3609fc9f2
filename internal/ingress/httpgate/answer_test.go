package httpgate_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"haechi"
	"haechi/internal/ingress/httpgate"
)

// answerJudge judges answers; it wants none until told to. What holds the word "leak" is
// refused.
type answerJudge struct {
	mu     sync.Mutex
	wants  int
	hold   bool
	judged []string
	cut    bool
}

func (a *answerJudge) WantsAnswer(*haechi.Request) (int, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.wants, a.hold
}

func (a *answerJudge) InspectAnswer(r *haechi.Request, v *haechi.Answer, _ time.Time) haechi.Verdict {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.judged, a.cut = append(a.judged, string(v.Body)), v.Cut
	text := string(v.Body)
	for name, value := range v.Headers {
		if name == "Content-Encoding" && value == "gzip" {
			z, _ := gzip.NewReader(bytes.NewReader(v.Body))
			b, _ := io.ReadAll(z)
			text = string(b)
		}
	}
	if !strings.Contains(text, "leak") || r.Target == "" {
		return haechi.Verdict{}
	}
	return haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonLeak, Rule: "waf/951230", Shadow: !a.hold, Observed: 5, Threshold: 4,
		Ref: haechi.NewReference("waf/951230", "x", time.Now()), Hits: "5/4 951230,5,RESPONSE_BODY,x_x"}
}

func (a *answerJudge) want(n int, hold bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.wants, a.hold, a.judged = n, hold, nil
}

func (a *answerJudge) last() (body string, cut bool, n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.judged) == 0 {
		return "", false, 0
	}
	return a.judged[len(a.judged)-1], a.cut, len(a.judged)
}

// once waits until an answer was judged, in shadow a moment after it was given.
func (a *answerJudge) once(t *testing.T) (body string, cut bool, n int) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for late := time.After(30 * time.Second); ; {
		if body, cut, n = a.last(); n > 0 {
			return body, cut, n
		}
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("the answer was not judged")
		}
	}
}

// telling answers with ?n= bytes and ?text= at their end, of ?type=; with ?length= it says
// how many.
func telling(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	n, _ := strconv.Atoi(q.Get("n"))
	body := strings.Repeat("0123456789abcdef", n/16+1)[:n] + q.Get("text")
	w.Header().Set("X-Accepts", r.Header.Get("Accept-Encoding"))
	if kind := q.Get("type"); kind != "" {
		w.Header().Set("Content-Type", kind)
	}
	if q.Get("length") != "" {
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	}
	if q.Get("gzip") != "" {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = io.WriteString(z, body)
		_ = z.Close()
		return
	}
	for len(body) > 0 {
		piece := body[:min(len(body), 3000)]
		_, _ = io.WriteString(w, piece)
		if body = body[len(piece):]; q.Get("length") == "" {
			_ = http.NewResponseController(w).Flush()
		}
	}
}

// TestAnswersPass: what is judged is the beginning of an answer, and what passes is the
// whole answer, whatever its length, in both modes.
func TestAnswersPass(t *testing.T) {
	everyWay(t, func(t *testing.T) {
		r := start(t, httpgate.Config{}, http.HandlerFunc(telling))
		const limit = 20_000
		for _, hold := range []bool{true, false} {
			for _, n := range []int{0, 1, 2999, limit - 1, limit, limit + 1, 200_000} {
				for _, length := range []string{"", "&length=1"} {
					r.answers.want(limit, hold)
					url := fmt.Sprintf("shop.test/p?n=%d&type=text/html%s", n, length)
					a := r.get(url)
					e := r.next(t)
					want := strings.Repeat("0123456789abcdef", n/16+1)[:n]
					if a.StatusCode != 200 || a.text != want {
						t.Errorf("%s, hold %v: status %d, %d bytes", url, hold, a.StatusCode, len(a.text))
					}
					if e.Kind != haechi.KindRequest || e.Outcome != haechi.Success || e.BytesOut != int64(n) {
						t.Errorf("%s: %+v", url, e)
					}
					if body, cut, times := r.answers.once(t); times != 1 || body != want[:min(n, limit)] || cut != (n > limit) {
						t.Errorf("%s, hold %v: judged %d times, %d bytes, cut %v", url, hold, times, len(body), cut)
					}
				}
			}
		}
	})
}

// TestAnswersAreWithheld: nothing of an answer that leaks reaches the client, and two
// events say so.
func TestAnswersAreWithheld(t *testing.T) {
	everyWay(t, func(t *testing.T) {
		r := start(t, httpgate.Config{}, http.HandlerFunc(telling))
		for _, url := range []string{"shop.test/p?n=9&type=text/html&text=leak", "shop.test/p?n=9000&type=application/json&text=leak&length=1",
			"shop.test/p?n=9000&type=application/problem%2Bjson&text=leak&gzip=1", "shop.test/p?n=50&type=&text=leak"} {
			r.answers.want(20_000, true)
			a := r.get(url, "Accept-Encoding", "br;q=1, gzip")
			found := r.next(t)
			e := r.refused(a, 500, haechi.ReasonLeak)
			if strings.Contains(a.text, "0123") || a.Header.Get("X-Accepts") != "" || a.Header.Get("Content-Encoding") != "" {
				t.Errorf("%s: %v %q", url, a.Header, a.text)
			}
			if found.Kind != haechi.KindAnswer || found.Ref != e.Ref || found.Hits == "" || found.Path != "/p" || found.Status != 200 || found.Outcome != haechi.Unknown || e.Outcome != haechi.Unknown {
				t.Errorf("%s: %+v and %+v", url, found, e)
			}
			r.answers.want(20_000, false)
			if a := r.get(url, "Accept-Encoding", "br;q=1, gzip"); a.StatusCode != 200 || a.Header.Get("X-Accepts") != "gzip" {
				t.Errorf("in shadow: %d %v", a.StatusCode, a.Header)
			}
			if e, found := r.next(t), r.next(t); e.Kind != haechi.KindRequest || e.Verdict != haechi.Pass || found.Kind != haechi.KindAnswer || !found.Shadow || found.Hits == "" {
				t.Errorf("in shadow: %+v and %+v", e, found)
			}
		}
	})
}

// TestAnswersNotLookedAt: of other kinds, and of those who are allowed, nothing is asked.
func TestAnswersNotLookedAt(t *testing.T) {
	everyWay(t, func(t *testing.T) {
		r := start(t, httpgate.Config{}, http.HandlerFunc(telling))
		for _, kind := range []string{"text/event-stream", "text/css", "application/javascript", "image/png", "application/octet-stream"} {
			r.answers.want(20_000, true)
			if a := r.get("shop.test/p?n=9&text=leak&type=" + kind); a.StatusCode != 200 || !strings.HasSuffix(a.text, "leak") {
				t.Errorf("%s: %d %q", kind, a.StatusCode, a.text)
			}
			r.next(t)
			if _, _, n := r.answers.last(); n != 0 {
				t.Errorf("%s was judged", kind)
			}
		}
		if a := r.do("127.0.0.8", "GET", "shop.test/p?n=9&text=leak&type=text/html", nil, "X-Forwarded-For", "203.0.113.200"); a.StatusCode != 200 {
			t.Error(a.StatusCode)
		}
		r.next(t)
		if a := r.get("shop.test/p?n=9&type=text/html", "Accept-Encoding", "gzip;q=0, br"); a.Header.Get("X-Accepts") != "identity" {
			t.Errorf("%v", a.Header)
		}
	})
}

// TestSlowAnswers: an answer without a length that does not end is held for a time, then
// what came is judged and the rest passes as it comes. Who leaves ends it.
func TestSlowAnswers(t *testing.T) {
	everyWay(t, func(t *testing.T) {
		next := make(chan struct{})
		reached, gone := make(chan struct{}, 4), make(chan struct{}, 4)
		r := start(t, httpgate.Config{}, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			_, _ = io.WriteString(w, "first\n")
			_ = http.NewResponseController(w).Flush()
			reached <- struct{}{}
			select {
			case <-next:
				_, _ = io.WriteString(w, "second\n")
			case <-q.Context().Done():
				gone <- struct{}{}
			}
		}))
		r.answers.want(20_000, true)
		_, br := r.raw("127.0.0.2", "GET /log HTTP/1.1\r\nHost: shop.test\r\n\r\n")
		res, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 6)
		if _, err := io.ReadFull(res.Body, b); err != nil || string(b) != "first\n" {
			t.Fatal(string(b), err)
		}
		if body, cut, n := r.answers.last(); body != "first\n" || !cut || n != 1 {
			t.Errorf("%q %v %d", body, cut, n)
		}
		next <- struct{}{}
		if rest, err := io.ReadAll(res.Body); err != nil || string(rest) != "second\n" {
			t.Errorf("%q %v", rest, err)
		}
		r.next(t)
		<-reached
		c, _ := r.raw("127.0.0.2", "GET /log HTTP/1.1\r\nHost: shop.test\r\n\r\n")
		<-reached
		_ = c.Close()
		select {
		case <-gone:
		case <-time.After(30 * time.Second):
			t.Error("the server behind was not told")
		}
	})
}

// BenchmarkAnswers is a page of 10 KB through the gate, client and server behind included,
// with an inspector that finds nothing.
func BenchmarkAnswers(b *testing.B) {
	body := []byte(strings.Repeat("<p>0123456789</p>", 10<<10/17))
	for _, c := range []struct {
		name  string
		wants int
		hold  bool
	}{{"off", 0, false}, {"shadow", 64 << 10, false}, {"enforce", 64 << 10, true}} {
		for _, chunked := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/chunked=%v", c.name, chunked), func(b *testing.B) {
				up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", "text/html; charset=utf-8")
					if !chunked {
						w.Header().Set("Content-Length", strconv.Itoa(len(body)))
					}
					_, _ = w.Write(body)
				}))
				defer up.Close()
				g, err := httpgate.New(httpgate.Config{Sites: []httpgate.Site{{Service: "shop", Upstream: up.URL}}},
					httpgate.Deps{Answers: &quiet{c.wants, c.hold}})
				if err != nil {
					b.Fatal(err)
				}
				ln, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					b.Fatal(err)
				}
				go g.Serve(b.Context(), resolved{ln, new(atomic.Int64)})
				defer g.Shutdown(b.Context())
				tr := &http.Transport{DisableCompression: true}
				defer tr.CloseIdleConnections() // first, so that nothing is waited for
				client := &http.Client{Transport: tr}
				b.ReportAllocs()
				for b.Loop() {
					res, err := client.Get("http://" + ln.Addr().String() + "/")
					if err != nil {
						b.Fatal(err)
					}
					if n, _ := io.Copy(io.Discard, res.Body); n != int64(len(body)) {
						b.Fatal(n)
					}
					_ = res.Body.Close()
				}
			})
		}
	}
}

// quiet finds nothing.
type quiet struct {
	wants int
	hold  bool
}

func (q *quiet) WantsAnswer(*haechi.Request) (int, bool) { return q.wants, q.hold }
func (q *quiet) InspectAnswer(*haechi.Request, *haechi.Answer, time.Time) haechi.Verdict {
	return haechi.Verdict{}
}
