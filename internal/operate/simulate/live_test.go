package simulate_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"haechi"
	"haechi/internal/operate/simulate"
)

// server answers requests over pipes, and keeps who asked when.
type server struct {
	mu     sync.Mutex
	from   map[netip.Addr]int
	proxy  []string
	last   time.Time
	answer func(n int) string
	n      int
}

func (s *server) dial(_ context.Context, from netip.Addr, _ netip.AddrPort) (net.Conn, error) {
	a, b := net.Pipe()
	go s.serve(from, b)
	return a, nil
}

func (s *server) serve(from netip.Addr, c net.Conn) {
	defer func() { _ = c.Close() }()
	r := bufio.NewReader(c)
	head := ""
	if b, _ := r.Peek(5); string(b) == "PROXY" {
		head, _ = r.ReadString('\n')
	}
	q, err := http.ReadRequest(r)
	if err != nil || q.Host != "shop.example" || q.URL.Path != "/" || !q.Close {
		return
	}
	s.mu.Lock()
	s.from[from]++
	if head != "" {
		s.proxy = append(s.proxy, strings.Fields(head)[2])
	}
	s.last, s.n = time.Now(), s.n+1
	answer := s.answer(s.n)
	s.mu.Unlock()
	_, _ = io.WriteString(c, answer)
}

const fine = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

func visit(s *server) *simulate.Visit {
	s.from = map[netip.Addr]int{}
	return &simulate.Visit{Target: netip.MustParseAddrPort("127.0.0.1:8080"), Host: "shop.example", Dial: s.dial}
}

// TestTheFloodHasTheDocumentsNumbers: 100 visitors' requests in ten seconds, 2,000 of
// attackers in a fifth of one, each from an address of its kind.
func TestTheFloodHasTheDocumentsNumbers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: func(int) string { return fine }}
		began := time.Now()
		visitors, attackers, err := visit(s).Flood(t.Context())
		if err != nil || visitors.Sent != 100 || visitors.Status[2] != 100 || attackers.Sent != 2000 || attackers.Status[2] != 2000 {
			t.Fatalf("%+v, %+v, %v", visitors, attackers, err)
		}
		if took := s.last.Sub(began); took < 9*time.Second || took > 11*time.Second || visitors.Took < 9*time.Second {
			t.Errorf("it took %v: %+v", took, visitors)
		}
		first, second := netip.MustParsePrefix("127.168.1.0/24"), netip.MustParsePrefix("127.110.0.0/24")
		visits, attacks := 0, 0
		for a, n := range s.from {
			switch {
			case first.Contains(a) && a.As4()[3] >= 1 && a.As4()[3] <= 50:
				visits += n
			case second.Contains(a) && a.As4()[3] >= 1 && a.As4()[3] <= 200:
				attacks += n
			default:
				t.Errorf("%d requests from %v", n, a)
			}
		}
		if visits != 100 || attacks != 2000 {
			t.Errorf("%d and %d", visits, attacks)
		}
	})
}

// TestAProxyHeaderHasTheDocumentsAddresses: with it all connections come from one address.
func TestAProxyHeaderHasTheDocumentsAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: func(int) string { return fine }}
		v := visit(s)
		v.Proxy = true
		if _, attackers, err := v.Flood(t.Context()); err != nil || attackers.Status[2] != 2000 {
			t.Fatalf("%+v, %v", attackers, err)
		}
		office, attack := 0, 0
		for _, a := range s.proxy {
			if strings.HasPrefix(a, "192.168.1.") {
				office++
			} else if strings.HasPrefix(a, "10.0.0.") {
				attack++
			}
		}
		if office != 100 || attack != 2000 || len(s.from) != 1 {
			t.Errorf("%d and %d from %v", office, attack, s.from)
		}
	})
}

// TestAnswersAreCounted: refusals by their class, and what is no answer as failed.
func TestAnswersAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: func(n int) string {
			switch {
			case n > 1100:
				return "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n"
			case n > 100:
				return "nonsense"
			}
			return fine
		}}
		visitors, attackers, err := visit(s).Flood(t.Context())
		if err != nil || visitors.Status[2] != 100 || attackers.Failed != 1000 || attackers.Status[4] != 1000 || attackers.Sent != 2000 {
			t.Errorf("%+v, %+v, %v", visitors, attackers, err)
		}
	})
}

// TestItEnds: with its context in the middle, and by itself where answers never come.
func TestItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: func(int) string { return fine }}
		ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
		defer stop()
		if visitors, attackers, err := visit(s).Flood(ctx); !errors.Is(err, context.DeadlineExceeded) || visitors.Sent > 52 || attackers.Sent > 0 {
			t.Errorf("%+v, %+v, %v", visitors, attackers, err)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		s := &server{answer: func(n int) string { return map[bool]string{true: fine}[n < 5] }}
		v, began := visit(s), time.Now()
		dial := v.Dial
		v.Dial = func(ctx context.Context, from netip.Addr, to netip.AddrPort) (net.Conn, error) {
			if time.Since(began) < time.Second {
				return dial(ctx, from, to)
			}
			a, b := net.Pipe()
			context.AfterFunc(ctx, func() { _ = b.Close() })
			return a, nil // it reads nothing
		}
		if _, _, err := v.Flood(t.Context()); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) > 3*time.Minute {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

// TestOnlyLoopbackIsATarget: nothing is dialled for any other.
func TestOnlyLoopbackIsATarget(t *testing.T) {
	for _, target := range []string{"192.168.1.200:80", "10.0.0.1:80", "203.0.113.9:443", "0.0.0.0:80", "[::1]:80", "[2001:db8::1]:80", "[::ffff:127.0.0.1]:80", "127.0.0.1:0"} {
		v := simulate.Visit{Target: netip.MustParseAddrPort(target), Dial: func(context.Context, netip.Addr, netip.AddrPort) (net.Conn, error) {
			t.Errorf("%s was dialled", target)
			return nil, errors.New("no")
		}}
		_, _, err := v.Flood(t.Context())
		if e := (*haechi.Error)(nil); !errors.As(err, &e) || e.Kind != haechi.Denied || e.Hint == "" {
			t.Errorf("%s: %v", target, err)
		}
	}
}

// TestNobodyThere: a port on which nobody listens is an error with a next step, and one
// that speaks no TLS as well.
func TestNobodyThere(t *testing.T) {
	defer goleak.VerifyNone(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	target := netip.MustParseAddrPort(l.Addr().String())
	go func() {
		for c, err := l.Accept(); err == nil; c, err = l.Accept() {
			_, _ = io.WriteString(c, fine)
			_ = c.Close()
		}
	}()
	for _, v := range []*simulate.Visit{{Target: target, TLS: &tls.Config{ServerName: "shop.example"}}, {Target: target}} {
		_, _, err := v.Flood(t.Context())
		if e := (*haechi.Error)(nil); !errors.As(err, &e) || e.Kind != haechi.Unavailable || e.Hint == "" {
			t.Error(err)
		}
		_ = l.Close() // for the second one
	}
}
