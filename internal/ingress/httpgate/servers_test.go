package httpgate_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"haechi"
	"haechi/internal/ingress"
	"haechi/internal/ingress/httpgate"
)

// named is a server behind that says who it is and counts what it was asked.
type named struct {
	*httptest.Server
	asked atomic.Int64
}

func newNamed(t *testing.T, name string, status int) *named {
	n := &named{}
	n.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n.asked.Add(1)
		w.WriteHeader(status)
		w.Write([]byte(name + " " + r.Host))
	}))
	t.Cleanup(n.Close)
	return n
}

// dead is an address that nobody listens on.
func dead(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

func several(t *testing.T, urls ...string) *rig {
	return start(t, httpgate.Config{Sites: []httpgate.Site{{Service: "shop", Upstream: urls[0], Others: urls[1:]}}}, echo())
}

func TestServersTakeTurns(t *testing.T) {
	a, b := newNamed(t, "a", 200), newNamed(t, "b", 500)
	r := several(t, a.URL, b.URL)
	for range 10 {
		if got := r.get("shop.test/").text; !strings.HasSuffix(got, " shop.test") {
			t.Fatalf("got %q", got) // each sees the client's host, and an answer of 500 is an answer
		}
	}
	if a.asked.Load() != 5 || b.asked.Load() != 5 {
		t.Errorf("asked %d and %d times", a.asked.Load(), b.asked.Load())
	}
}

// TestOneServerDies: what changes nothing meets another server and never fails; what
// may change something is never sent twice.
func TestOneServerDies(t *testing.T) {
	a, b := newNamed(t, "a", 200), newNamed(t, "b", 200)
	r := several(t, a.URL, dead(t), b.URL)
	for range 9 {
		if got := r.get("shop.test/"); got.StatusCode != 200 {
			t.Fatalf("status %d", got.StatusCode)
		}
	}
	if up := r.gate.Servers(0); !up[0].Up || up[1].Up || !up[2].Up {
		t.Errorf("servers %+v", up)
	}
	a.Close()
	before := b.asked.Load()
	failed := 0
	for range 4 {
		if got := r.do("127.0.0.2", "POST", "shop.test/", strings.NewReader("x")); got.StatusCode != 200 {
			failed++
		}
	}
	if failed > 1 || b.asked.Load() != before+4-int64(failed) {
		t.Errorf("%d requests failed, %d reached the server that is left", failed, b.asked.Load()-before)
	}
	b.Close()
	got := r.get("shop.test/")
	if got.StatusCode != http.StatusBadGateway {
		t.Errorf("without any server: status %d", got.StatusCode)
	}
}

// TestProbe: a server that is gone is known to be so before a request meets it, and
// known to be back.
func TestProbe(t *testing.T) {
	a := newNamed(t, "a", 200)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	r := several(t, a.URL, "http://"+addr)
	probe := func() []bool {
		r.gate.Probe(context.Background())
		var up []bool
		for _, s := range r.gate.Servers(0) {
			up = append(up, s.Up)
		}
		return up
	}
	if got := probe(); !slices.Equal(got, []bool{true, true}) {
		t.Errorf("up %v", got)
	}
	l.Close()
	if got := probe(); !slices.Equal(got, []bool{true, false}) {
		t.Errorf("up %v", got)
	}
	for range 6 {
		if got := r.do("127.0.0.2", "POST", "shop.test/", strings.NewReader("x")); got.StatusCode != 200 {
			t.Errorf("a request that cannot be repeated met the dead server: %d", got.StatusCode)
		}
	}
	if l, err = net.Listen("tcp", addr); err != nil {
		t.Skipf("the port was taken meanwhile: %v", err)
	}
	defer l.Close()
	if got := probe(); !slices.Equal(got, []bool{true, true}) {
		t.Errorf("up %v", got)
	}
}

func TestServersOfTwoSchemesAreRefused(t *testing.T) {
	_, err := httpgate.New(httpgate.Config{Sites: []httpgate.Site{{Service: "shop", Upstream: "http://127.0.0.1:1", Others: []string{"https://127.0.0.1:2"}}}}, httpgate.Deps{})
	if haechi.KindOf(err) != haechi.Invalid {
		t.Errorf("got %v", err)
	}
}

// slow is a server behind that answers when it is told to.
type slow struct {
	*httptest.Server
	asked, answer chan struct{}
}

func newSlow(t *testing.T) *slow {
	s := &slow{asked: make(chan struct{}, 8), answer: make(chan struct{})}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked <- struct{}{}
		<-s.answer
		w.Write([]byte("slow"))
	}))
	t.Cleanup(s.Close)
	return s
}

// TestDrainedServers: one that is drained gets nothing new, by any way in, and ends what
// it has; put back, it takes its turn; where all are drained, none is.
func TestDrainedServers(t *testing.T) {
	a, b := newSlow(t), newNamed(t, "b", 200)
	var drains ingress.Drains
	t.Cleanup(func() { // once the gate has ended
		for _, url := range []string{a.URL, b.URL} {
			if n := drains.Of("shop", url).Busy(); n != 0 {
				t.Errorf("%s: %d under way in the end", url, n)
			}
		}
	})
	r := start(t, httpgate.Config{Sites: []httpgate.Site{{Service: "shop", Upstream: a.URL, Others: []string{b.URL}, Drains: &drains}}}, echo())
	before := make(chan string, 2)
	go func() {
		for range 2 {
			before <- r.get("shop.test/").text
		}
	}()
	<-a.asked // the first or the second; the other one is answered by b
	mark := drains.Of("shop", a.URL)
	if mark.Drain(true); mark.Busy() != 1 {
		t.Errorf("%d under way, want 1", mark.Busy())
	}
	for _, body := range []io.Reader{nil, strings.NewReader("x")} {
		for range 4 {
			if got := r.do("127.0.0.2", "POST", "shop.test/", body); got.StatusCode != 200 || !strings.HasPrefix(got.text, "b ") {
				t.Errorf("status %d: %q", got.StatusCode, got.text)
			}
		}
	}
	if up := r.gate.Servers(0); !up[0].Drained || !up[0].Up || up[0].Busy != 1 || up[1].Drained {
		t.Errorf("servers %+v", up)
	}
	close(a.answer)
	if got := []string{<-before, <-before}; !slices.Contains(got, "slow") {
		t.Errorf("what was under way got %q", got)
	}
	drains.Of("shop", b.URL).Drain(true) // as a reload may leave it: nobody wants no server at all
	for range 2 {
		if got := r.get("shop.test/"); got.StatusCode != 200 {
			t.Errorf("all drained: status %d", got.StatusCode)
		}
	}
	if mark.Drain(false); mark.Drained() {
		t.Error("still drained")
	}
}
