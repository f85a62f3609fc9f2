package simulate

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"haechi"
)

// Visit says how the documents' flood (B56) is played against a gateway that runs.
type Visit struct {
	Target netip.AddrPort // a service of the gateway, in 127.0.0.0/8; anything else is refused
	Host   string         // the name in the requests; empty: the target
	Path   string         // empty: /
	TLS    *tls.Config    // nil: plain HTTP
	// Proxy sends a PROXY header (version 1) with the documents' addresses before each
	// request, for a service that wants one. Without it they come from 127.0.0.0/8.
	Proxy bool
	Seed  uint64
	// Dial connects from an address; nil dials. A test puts a pipe in its place.
	Dial func(ctx context.Context, from netip.Addr, to netip.AddrPort) (net.Conn, error)
}

// Answers are what became of requests.
type Answers struct {
	Sent, Failed int    // Failed: refused connections and missing answers
	Status       [6]int // by the first digit; [0] of no known class
	Took         time.Duration
}

// Bounds of a visit.
const (
	atOnce    = 32 // requests under way
	mostVisit = 2 * time.Minute
	mostWait  = 10 * time.Second // for one answer
	mostBody  = 1 << 20
)

// visitor and attacker are the addresses of B56: as the documents have them, and the same
// numbers within loopback.
func visitor(n int, proxy bool) netip.Addr {
	if proxy {
		return host("192.168.1.1", n)
	}
	return host("127.168.1.1", n)
}

func attacker(n int, proxy bool) netip.Addr {
	if proxy {
		return host("10.0.0.1", n)
	}
	return host("127.110.0.1", n)
}

// Flood plays the documents' 100 requests of visitors, one each 0.1 s, and then 2,000 of
// attackers with 0.01 s after each hundred. It ends with ctx, and after two minutes at the
// latest. The error is of kind Denied for a target outside 127.0.0.0/8, and Unavailable
// where nobody answers the first request.
func (v *Visit) Flood(ctx context.Context) (visitors, attackers Answers, err error) {
	if to := v.Target.Addr(); !to.Is4() || !to.IsLoopback() || v.Target.Port() == 0 {
		return visitors, attackers, &haechi.Error{Kind: haechi.Denied, Op: fmt.Sprintf("simulate against %v", v.Target),
			Msg: "a simulation talks to addresses in 127.0.0.0/8 only", Hint: "write an address such as http://127.0.0.1:8080"}
	}
	ctx, stop := context.WithTimeout(ctx, mostVisit)
	defer stop()
	rng := rand.New(rand.NewPCG(v.Seed, nameHash("document-flood")))
	began := time.Now()
	status, err := v.ask(ctx, visitor(rng.IntN(50), v.Proxy))
	if err != nil {
		return visitors, attackers, &haechi.Error{Kind: haechi.Unavailable, Op: fmt.Sprintf("simulate against %v", v.Target), Err: err,
			Hint: "haechi status shows where the services of the gateway listen"}
	}
	visitors.add(status, nil)
	v.send(ctx, &visitors, 99, func(int) (netip.Addr, time.Duration) {
		return visitor(rng.IntN(50), v.Proxy), 100 * time.Millisecond
	})
	visitors.Took, began = time.Since(began), time.Now()
	v.send(ctx, &attackers, 2000, func(i int) (netip.Addr, time.Duration) {
		pause := time.Duration(0)
		if i%100 == 0 {
			pause = 10 * time.Millisecond
		}
		return attacker(rng.IntN(200), v.Proxy), pause
	})
	attackers.Took = time.Since(began)
	return visitors, attackers, ctx.Err()
}

// add counts what became of one request.
func (a *Answers) add(status int, err error) {
	a.Sent++
	switch {
	case err != nil:
		a.Failed++
	case status >= 100 && status < 600:
		a.Status[status/100]++
	default:
		a.Status[0]++
	}
}

// send asks n times, each from where next says and after which pause, and waits for the
// answers. It ends early with ctx.
func (v *Visit) send(ctx context.Context, into *Answers, n int, next func(i int) (netip.Addr, time.Duration)) {
	var mu sync.Mutex
	var all sync.WaitGroup
	defer all.Wait()
	free := make(chan struct{}, atOnce)
	for i := range n {
		from, pause := next(i)
		if !rest(ctx, pause) {
			return
		}
		free <- struct{}{}
		all.Go(func() {
			status, err := v.ask(ctx, from)
			mu.Lock()
			into.add(status, err)
			mu.Unlock()
			<-free
		})
	}
}

// rest waits, and reports false when ctx ended first.
func rest(ctx context.Context, d time.Duration) bool {
	if d == 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// ask sends one request over a connection of its own and returns the status of its answer.
func (v *Visit) ask(ctx context.Context, from netip.Addr) (status int, err error) {
	ctx, stop := context.WithTimeout(ctx, mostWait)
	defer stop()
	conn, err := v.connect(ctx, from)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }() // what was read counts
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	if _, err := conn.Write(v.request()); err != nil {
		return 0, err
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = answer.Body.Close() }()
	_, err = io.Copy(io.Discard, io.LimitReader(answer.Body, mostBody))
	return answer.StatusCode, err
}

// connect dials, says for whom, and begins TLS.
func (v *Visit) connect(ctx context.Context, from netip.Addr) (net.Conn, error) {
	source, dial := from, v.Dial
	if v.Proxy {
		source = v.Target.Addr()
	}
	if dial == nil {
		dial = dialFrom
	}
	conn, err := dial(ctx, source, v.Target)
	if err != nil {
		return nil, err
	}
	if v.Proxy {
		if _, err = fmt.Fprintf(conn, "PROXY TCP4 %v 192.168.1.200 %d 80\r\n", from, 49152+rand.IntN(16384)); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	if v.TLS == nil {
		return conn, nil
	}
	secured := tls.Client(conn, v.TLS)
	if err := secured.HandshakeContext(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return secured, nil
}

func dialFrom(ctx context.Context, from netip.Addr, to netip.AddrPort) (net.Conn, error) {
	d := net.Dialer{Timeout: mostWait, LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0))}
	return d.DialContext(ctx, "tcp", to.String())
}

// request is what a browser asks, once.
func (v *Visit) request() []byte {
	name, path := v.Host, v.Path
	if name == "" {
		name = v.Target.String()
	}
	if path == "" {
		path = "/"
	}
	b := page(name, path)
	return append(b[:len(b)-2], "Connection: close\r\n\r\n"...)
}
