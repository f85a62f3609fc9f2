package httpgate_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"haechi"
	"haechi/internal/brick/parking"
	"haechi/internal/ingress/httpgate"
)

const wayVariable = "HTTPGATE_TEST_WAY"

// everyWay runs a test on lanes that loops run and, again, on lanes with a goroutine each
// and with everything left to net/http.
func everyWay(t *testing.T, run func(t *testing.T)) {
	t.Run("lanes", run)
	for _, way := range []string{"goroutines", "net/http"} {
		t.Run(way, func(t *testing.T) {
			t.Setenv(wayVariable, way)
			run(t)
		})
	}
}

// loops are those of a gate; none where lanes shall have goroutines.
func loops(t *testing.T) (out httpgate.Loops) {
	if os.Getenv(wayVariable) == "goroutines" {
		return nil
	}
	for range 2 {
		lot, err := parking.New(parking.Config{Riding: true, Tick: 10 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := lot.Close(); err != nil {
				t.Error(err)
			}
			if n := lot.Stats().Taken; n != 0 {
				t.Errorf("%d places are still taken", n)
			}
		})
		out = append(out, lot)
	}
	return out
}

func (r *rig) handedOver() uint64 { return r.counter("http_handed_over") }

// counter is one of the gate's counts.
func (r *rig) counter(name string) uint64 {
	r.t.Helper()
	for _, c := range r.gate.Counters() {
		if c.Name == name {
			return c.Value
		}
	}
	r.t.Fatalf("nothing is counted as %s", name)
	return 0
}

// Plain requests stay on their lane; what a lane does not read goes on with net/http on
// the same connection, with nothing lost in between.
func TestHandsOver(t *testing.T) {
	r := start(t, httpgate.Config{}, echo())
	_, br := r.raw("127.0.0.2", "GET /1 HTTP/1.1\r\nHost: shop.test\r\n\r\nPOST /2 HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 3\r\n\r\ntwo"+
		"POST /3 HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nthree\r\n0\r\n\r\nGET /4 HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n")
	for i, want := range []string{"", "two", "three", ""} {
		res, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(res.Body)
		if res.StatusCode != 200 || !strings.HasSuffix(string(text), want) {
			t.Errorf("answer %d: %d %q", i+1, res.StatusCode, text)
		}
		if e := r.next(t); e.Path != "/"+strconv.Itoa(i+1) || e.Outcome != haechi.Success {
			t.Errorf("event %+v", e)
		}
		if got := r.handedOver(); i == 1 && got > 1 || i == 3 && got != 1 {
			t.Errorf("%d connections were handed over", got)
		}
	}
	ended(t, br)
}

// answers are those of an upstream, written as they are, and what the client must read.
func answers() map[string][2]string {
	const ok = "HTTP/1.1 200 OK\r\n"
	long := strings.Repeat("0123456789abcdef", 20<<10)
	return map[string][2]string{
		"length":           {ok + "Content-Length: 5\r\n\r\nhello", "hello"},
		"nothing":          {"HTTP/1.1 204 No Content\r\n\r\n", ""},
		"not modified":     {"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 99\r\n\r\n", ""},
		"chunks":           {ok + "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", "hello"},
		"trailer":          {ok + "Transfer-Encoding: chunked\r\nTrailer: X\r\n\r\n5\r\nhello\r\n0\r\nX: y\r\n\r\n", "hello"},
		"until the end":    {ok + "\r\nhello", "hello"},
		"an older version": {"HTTP/1.0 200 OK\r\n\r\nhello", "hello"},
		"early hints":      {"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + ok + "Content-Length: 5\r\n\r\nhello", "hello"},
		"long":             {ok + "Content-Length: " + strconv.Itoa(len(long)) + "\r\n\r\n" + long, long},
		"long chunks":      {ok + "Transfer-Encoding: chunked\r\n\r\n" + strconv.FormatInt(int64(len(long)), 16) + "\r\n" + long + "\r\n0\r\n\r\n", long},
		"folded":           {ok + "X: a\r\n b\r\nContent-Length: 5\r\n\r\nhello", "hello"},
		"too much":         {ok + "Content-Length: 5\r\n\r\nhelloHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nforged", "hello"},
	}
}

// Whatever form an answer has, the client gets it, and the next client on the same
// connection to the upstream gets its own and nothing of it.
func TestAnswers(t *testing.T) {
	for name, a := range answers() {
		t.Run(name, func(t *testing.T) {
			everyWay(t, func(t *testing.T) {
				up := newSpeaker(t, a[0], !strings.Contains(name, "end") && !strings.Contains(name, "older"))
				r := start(t, httpgate.Config{Sites: []httpgate.Site{{Service: "shop", Hosts: []string{"shop.test"}, Upstream: "http://" + up}}}, nil)
				for range 3 {
					got := r.get("shop.test/")
					if got.text != a[1] {
						t.Errorf("%d, %d bytes: %.60q", got.StatusCode, len(got.text), got.text)
					}
					if e := r.next(t); e.Outcome != haechi.Success || e.BytesOut != int64(len(a[1])) {
						t.Errorf("event %+v", e)
					}
				}
			})
		})
	}
}

// newSpeaker is an upstream that answers every request with the same bytes.
func newSpeaker(t *testing.T, text string, keep bool) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				for br := bufio.NewReader(c); ; {
					if _, err := http.ReadRequest(br); err != nil {
						return
					}
					if _, err := io.WriteString(c, text); err != nil || !keep {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() { l.Close(); all.Wait() })
	return l.Addr().String()
}

// Answers that are none: the declared refusal, or a connection that ends where
// something is missing.
func TestBadAnswers(t *testing.T) {
	for name, text := range map[string]string{"nothing": "", "no HTTP": "hello\r\n\r\n", "half a head": "HTTP/1.1 200 OK\r\nContent-Le",
		"unasked switch": "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", "two lengths": "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
		"a head without end": "HTTP/1.1 200 OK\r\n" + strings.Repeat("X: "+strings.Repeat("y", 1000)+"\r\n", 400)} {
		t.Run(name, func(t *testing.T) {
			everyWay(t, func(t *testing.T) {
				up := newSpeaker(t, text, false)
				r := start(t, httpgate.Config{Sites: []httpgate.Site{{Service: "shop", Hosts: []string{"shop.test"}, Upstream: "http://" + up}}}, nil)
				r.refused(r.get("shop.test/"), http.StatusBadGateway, haechi.ReasonUpstreamDown)
			})
		})
	}
}

// A body that ends early leaves the client with an answer that is visibly not whole.
func TestShortAnswer(t *testing.T) {
	everyWay(t, func(t *testing.T) {
		for _, text := range []string{"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\nhello"} {
			r := start(t, httpgate.Config{Sites: []httpgate.Site{{Service: "shop", Hosts: []string{"shop.test"}, Upstream: "http://" + newSpeaker(t, text, false)}}}, nil)
			_, br := r.raw("127.0.0.2", "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n")
			res, err := http.ReadResponse(br, nil)
			if err == nil {
				_, err = io.ReadAll(res.Body)
			}
			if err == nil {
				t.Error("the client takes it for the whole answer")
			}
			r.next(t)
		}
	})
}

// A client that leaves while its answer is awaited is noticed, and the upstream let go.
func TestClientLeavesALane(t *testing.T) {
	left := make(chan struct{})
	r := start(t, httpgate.Config{}, http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		<-q.Context().Done()
		close(left)
	}))
	c, _ := r.raw("127.0.0.2", "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n")
	c.Close()
	select {
	case <-left:
	case <-time.After(5 * time.Second):
		t.Fatal("the upstream works for nobody")
	}
	if e := r.next(t); e.Reason != haechi.ReasonPeerClosed || r.handedOver() != 0 {
		t.Errorf("event %+v", e)
	}
}

// Connections that come and go, are cut, refused or left, leave no descriptor behind.
func TestLanesLeaveNoDescriptors(t *testing.T) {
	count := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	before := count()
	t.Run("use", func(t *testing.T) {
		r := start(t, httpgate.Config{}, echo())
		for i := range 60 {
			c, br := r.raw("127.0.0.2", fmt.Sprintf("GET /%d HTTP/1.1\r\nHost: shop.test\r\n\r\n", i))
			if _, err := http.ReadResponse(br, nil); err != nil {
				t.Fatal(err)
			}
			switch i % 3 {
			case 0:
				c.Close()
			case 1:
				r.cut("127.0.0.2", haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonDecision, Rule: "r"})
				ended(t, br)
			}
		}
	})
	if after := count(); after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}
