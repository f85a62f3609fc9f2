package scenario_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"

	"haechi"
)

// claim dials as the balancer 127.0.0.1 and says by PROXY protocol v2 who the
// client is.
func claim(t *testing.T, address string, client netip.Addr) net.Conn {
	t.Helper()
	c, err := dialFrom(t.Context(), netip.MustParseAddr("127.0.0.1"), address)
	if err != nil {
		t.Error(err)
		return nil
	}
	h := proxyproto.Header{Version: 2, Command: proxyproto.PROXY, TransportProtocol: proxyproto.TCPv6,
		SourceAddr:      &net.TCPAddr{IP: client.AsSlice(), Port: 40000},
		DestinationAddr: &net.TCPAddr{IP: net.ParseIP("2001:db8::1"), Port: 443}}
	if !client.Is6() {
		h.TransportProtocol, h.DestinationAddr = proxyproto.TCPv4, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 443}
	}
	if _, err := h.WriteTo(c); err != nil {
		c.Close()
		return nil // refused already
	}
	return c
}

// fetch asks for a page and returns the status, 0 if the connection was refused.
func fetch(c net.Conn) int {
	if c == nil || c.SetDeadline(time.Now().Add(20*time.Second)) != nil {
		return 0
	}
	if _, err := fmt.Fprintf(c, "GET /health HTTP/1.1\r\nHost: %s\r\n\r\n", shopHost); err != nil {
		return 0
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// inSlash64 is the i-th address of the n-th /64.
func inSlash64(n, i int) netip.Addr {
	return netip.MustParseAddr(fmt.Sprintf("2001:db8:0:%x::%x", n, i+1))
}

// each runs n calls on a few goroutines.
func each(n int, do func(i int)) {
	var wg sync.WaitGroup
	var next atomic.Int64
	for range 8 {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	wg.Wait()
}

// TestSlash64IsOneClient is the other half of Must show 4: 10,000 addresses of one
// IPv6 /64 share one limit of requests and one cap of connections.
func TestSlash64IsOneClient(t *testing.T) {
	r := newRig(t, settings{})
	const capped = 8081
	r.set.shop = "proxy_protocol: [127.0.0.1]"
	r.set.services = fmt.Sprintf(`  capped:
    kind: http
    hosts: [%s]
    listen: [%q]
    upstream: http://%s
    proxy_protocol: [127.0.0.1]
    limits: { address: 1000000/s }
`, shopHost, r.at(1, capped), r.at(hostUpstream, portWebUpstrm))
	r.configure(r.set)
	r.start()

	t.Run("limit of requests", func(t *testing.T) {
		var passed atomic.Int64
		began := time.Now()
		each(10_000, func(i int) {
			c := claim(t, r.shopAddr(), inSlash64(1, i))
			if fetch(c) == http.StatusOK {
				passed.Add(1)
			}
			if c != nil {
				c.Close()
			}
		})
		// 100 at once and 100 a second; the connection counts, and so does the request.
		most := int64(100+100*time.Since(began).Seconds())/2 + 1
		// Of those under way together some may have paid for a connection only.
		if n := passed.Load(); n > most || n < 40 {
			t.Errorf("%d of 10,000 requests of one /64 passed in %s, want 40 to %d", n, time.Since(began), most)
		}
		if n := r.web.shop.Counts().Requests; int64(n) != passed.Load() {
			t.Errorf("the shop got %d requests, %d passed", n, passed.Load())
		}
		for n := range 200 {
			if c := claim(t, r.shopAddr(), inSlash64(2+n, 0)); fetch(c) != http.StatusOK {
				t.Fatalf("the first request of the %d. other /64 was refused", n+1)
			} else {
				c.Close()
			}
		}
	})
	t.Run("cap of connections", func(t *testing.T) {
		var mu sync.Mutex
		var open []net.Conn
		each(10_000, func(i int) {
			c := claim(t, r.at(1, capped), inSlash64(0x1000, i))
			if fetch(c) == http.StatusOK {
				mu.Lock()
				defer mu.Unlock()
				open = append(open, c)
			} else if c != nil {
				c.Close()
			}
		})
		if len(open) != 10 {
			t.Errorf("%d connections of one /64 are open, want 10", len(open))
		}
		other := claim(t, r.at(1, capped), inSlash64(0x1001, 0))
		if fetch(other) != http.StatusOK {
			t.Error("the neighbouring /64 has no room")
		}
		for _, c := range append(open, other) {
			c.Close()
		}
		var again net.Conn
		eventually(t, "a place to be given back", 5*time.Second, func() bool {
			again = claim(t, r.at(1, capped), inSlash64(0x1000, 1))
			return fetch(again) == http.StatusOK || again.Close() != nil
		})
		again.Close()
	})
	var es []haechi.Event
	eventually(t, "the refusal to be recorded", 10*time.Second, func() bool {
		var err error
		es, err = r.api.Events(t.Context(), haechi.EventFilter{Service: "capped", Kinds: []haechi.Kind{haechi.KindConnect}, Failures: true, Limit: 5})
		must(t, err)
		return len(es) > 0
	})
	if len(es) == 0 || es[0].Reason != haechi.ReasonConnectionLimit || es[0].Client.String() != "2001:db8:0:1000::/64" {
		t.Errorf("recorded %+v", es)
	}
}
