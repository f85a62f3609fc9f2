package httpgate_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"haechi"
	"haechi/internal/ingress/httpgate"
)

// bodies judges requests with their bodies; it wants none until told to.
type bodies struct {
	mu      sync.Mutex
	wants   int
	verdict func(r *haechi.Request, body string) haechi.Verdict
	taught  []string
	only    string // the path whose body is wanted; empty: every one
	wait    func() // before it is judged; nil: not at all
}

// Answered notes what may teach.
func (b *bodies) Answered(r *haechi.Request, status int, _ time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.taught = append(b.taught, fmt.Sprint(r.Target, " ", status, " ", r.Lesson.Clean))
}

func (b *bodies) teaches() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.taught
}

func (b *bodies) Wants(r *haechi.Request) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.only != "" && b.only != r.Path {
		return 0
	}
	return b.wants
}

func (b *bodies) Inspect(r *haechi.Request, _ time.Time) haechi.Verdict {
	if b.wait != nil {
		b.wait()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	var text []byte
	if r.Body != nil {
		text, _ = io.ReadAll(r.Body)
	}
	return b.verdict(r, string(text))
}

func (b *bodies) want(n int, verdict func(r *haechi.Request, body string) haechi.Verdict) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wants, b.verdict = n, verdict
}

// TestHeldBodies: what is judged is the body's beginning, and what is forwarded is the
// whole body, whatever its length and however it comes.
func TestHeldBodies(t *testing.T) {
	const limit = 10_000
	r := start(t, httpgate.Config{}, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		w.Write(body)
	}))
	for _, n := range []int{1, 100, limit - 1, limit, limit + 1, limit + 2, 10 * limit} {
		for _, chunked := range []bool{false, true} {
			text := strings.Repeat("0123456789abcdef", n/16+1)[:n]
			judged := false
			r.bodies.want(limit, func(q *haechi.Request, body string) haechi.Verdict {
				judged = q.Cut == (n > limit) && body == text[:min(n, limit)] && q.Target == "/x?a=%41" && q.Protocol == "HTTP/1.1"
				return haechi.Verdict{Hits: "3/5 1,3,ARGS:a,x"}
			})
			var from io.Reader = strings.NewReader(text)
			if chunked {
				from = io.MultiReader(from)
			}
			a := r.do("127.0.0.2", "POST", "shop.test/x?a=%41", from)
			if a.StatusCode != 200 || a.text != text || !judged {
				t.Errorf("%d bytes, chunked %v: status %d, %d bytes back, judged rightly: %v", n, chunked, a.StatusCode, len(a.text), judged)
			}
			if e := r.next(t); e.Hits != "3/5 1,3,ARGS:a,x" || e.Verdict != haechi.Pass || e.BytesIn != int64(n) {
				t.Errorf("event %+v", e)
			}
		}
	}
}

func TestScreenedRefusals(t *testing.T) {
	reached := false
	r := start(t, httpgate.Config{}, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
	for reason, status := range map[haechi.Reason]int{haechi.ReasonWAF: 403, haechi.ReasonOversize: 413, haechi.ReasonEncoding: 415,
		haechi.ReasonMalformed: 400, haechi.ReasonInternal: 503} {
		r.bodies.want(100, func(*haechi.Request, string) haechi.Verdict {
			return haechi.Verdict{Action: haechi.Deny, Reason: reason, Rule: "waf/1", Hits: "5/5 1,5,ARGS:a,x"}
		})
		e := r.refused(r.do("127.0.0.2", "POST", "shop.test/", strings.NewReader("a=b")), status, reason)
		if e.Hits == "" || e.Verdict != haechi.Deny {
			t.Errorf("event %+v", e)
		}
		r.refused(r.get("shop.test/"), status, reason)
	}
	if reached {
		t.Error("the server behind saw one of them")
	}
	r.bodies.want(100, func(*haechi.Request, string) haechi.Verdict {
		return haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonWAF, Rule: "waf/1", Shadow: true}
	})
	r.get("shop.test/")
	if e := r.next(t); !reached || e.Outcome != haechi.Success || !e.Shadow || e.Reason != haechi.ReasonWAF {
		t.Errorf("in shadow: reached %v, event %+v", reached, e)
	}
}

// TestTrailersAreJudgedOrTakenAway: a trailer field comes after the header was judged.
func TestTrailers(t *testing.T) {
	var mu sync.Mutex
	var got http.Header
	r := start(t, httpgate.Config{}, http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		io.Copy(io.Discard, q.Body)
		mu.Lock()
		defer mu.Unlock()
		got = q.Trailer
	}))
	for name, limit := range map[string]int{"whole": 100} {
		var seen []string
		r.bodies.want(limit, func(q *haechi.Request, _ string) haechi.Verdict {
			for name, value := range q.Headers {
				seen = append(seen, name+"="+value)
			}
			return haechi.Verdict{}
		})
		_, br := r.raw("127.0.0.3", "POST / HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\nTrailer: X-Late\r\n\r\n3\r\nabc\r\n0\r\nX-Late: attack\r\n\r\n")
		if res, err := http.ReadResponse(br, nil); err != nil || res.StatusCode != 200 {
			t.Fatal(res, err)
		}
		r.next(t)
		mu.Lock()
		forwarded := got.Get("X-Late") != ""
		mu.Unlock()
		if judged := slices.Contains(seen, "X-Late=attack"); forwarded && !judged || name == "whole" && !judged {
			t.Errorf("%s: judged %v, forwarded %v", name, judged, forwarded)
		}
	}
}

// TestHeldBodiesAreBounded: one that comes byte by byte holds what came; all together
// hold what is allowed.
func TestHeldBodiesAreBounded(t *testing.T) {
	r := start(t, httpgate.Config{MaxHeld: 64 << 10}, echo())
	r.bodies.want(1<<20, func(*haechi.Request, string) haechi.Verdict { return haechi.Verdict{} })
	r.refused(r.do("127.0.0.2", "POST", "shop.test/", bytes.NewReader(make([]byte, 200<<10))), 503, haechi.ReasonOverload)
	if a := r.do("127.0.0.2", "POST", "shop.test/", strings.NewReader("small")); a.StatusCode != 200 {
		t.Errorf("status %d after it", a.StatusCode)
	}
	r.next(t)
	c, br := r.raw("127.0.0.3", "POST / HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n")
	for range 2000 {
		io.WriteString(c, "1\r\nx\r\n")
	}
	io.WriteString(c, "0\r\n\r\n")
	if res, err := http.ReadResponse(br, nil); err != nil || res.StatusCode != 200 {
		t.Errorf("2,000 chunks of a byte: %v %v", res, err)
	}
	r.next(t)
}

// TestHeldMemoryIsNotShared: bodies of many requests at once never mix.
func TestHeldMemoryIsNotShared(t *testing.T) {
	r := start(t, httpgate.Config{}, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/early" {
			w.WriteHeader(200) // answers before it reads
			return
		}
		body, _ := io.ReadAll(q.Body)
		w.Write(body)
	}))
	r.bodies.want(1<<20, func(*haechi.Request, string) haechi.Verdict { return haechi.Verdict{} })
	client := r.client("127.0.0.2")
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 12 {
				text := strings.Repeat(fmt.Sprintf("%d/%d ", i, j), 5000)
				path := []string{"/", "/early"}[j%2]
				req, _ := http.NewRequest("POST", "http://"+r.addr+path, strings.NewReader(text))
				req.Host = "shop.test"
				res, err := client.Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				got, _ := io.ReadAll(res.Body)
				res.Body.Close()
				if path == "/" && string(got) != text {
					t.Errorf("%d/%d got another body: status %d, %d of %d bytes, %.40q", i, j, res.StatusCode, len(got), len(text), got)
				}
			}
		})
	}
	all.Wait()
}

// TestAnsweredRequestsTeach: who judges bodies hears how a request was answered that it let
// pass, and nothing of one that was refused or not answered.
func TestAnsweredRequestsTeach(t *testing.T) {
	r := start(t, httpgate.Config{}, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/gone" {
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	r.bodies.want(100, func(q *haechi.Request, _ string) haechi.Verdict {
		q.Lesson.Clean = true
		if q.Path == "/bad" {
			return haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonWAF}
		}
		return haechi.Verdict{}
	})
	for _, path := range []string{"/a?id=1", "/bad", "/gone", "/b"} {
		r.get("shop.test" + path)
		r.next(t) // what teaches was told before
	}
	want := []string{"/a?id=1 200 true", "/gone 404 true", "/b 200 true"}
	if got := r.bodies.teaches(); !slices.Equal(got, want) {
		t.Errorf("taught %q, want %q", got, want)
	}
}
