package demo_test

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"haechi/internal/operate/demo"
)

func web(address string) demo.WebConfig {
	return demo.WebConfig{Target: address, Host: "shop.example.test", Source: netip.MustParseAddr("127.9.0.2")}
}

func TestVisitorSeesTheShopFromItsOwnAddress(t *testing.T) {
	s := shop(t)
	var mu sync.Mutex
	var from, host string
	address := webServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		from, _, _ = net.SplitHostPort(r.RemoteAddr)
		host = r.Host
		mu.Unlock()
		s.ServeHTTP(w, r)
	}))
	b, err := demo.NewBrowser(web(address))
	if err != nil {
		t.Fatal(err)
	}
	b.Run(bounded(t), demo.Visit{Pages: 8, Every: time.Nanosecond})
	// 8 pages, 2 assets, and the account page behind the login.
	if n := s.Counts(); n.Requests != 11 || n.Logins != 1 || n.Missing != 0 || n.FailedLogins != 0 {
		t.Errorf("%+v", n)
	}
	if n := b.Tally(); n.Passed != 10 || n.Refused != 0 || n.Failed != 0 {
		t.Errorf("%+v", n)
	}
	if from != "127.9.0.2" || host != "shop.example.test" {
		t.Errorf("came from %s for %s", from, host)
	}
}

// A redirect to elsewhere must not lead a client off loopback: its connections
// go to its target whatever the URL says.
func TestRedirectsStayOnTarget(t *testing.T) {
	var mu sync.Mutex
	var hosts []string
	address := webServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		hosts = append(hosts, r.Host)
		mu.Unlock()
		if r.Host != "elsewhere.example" {
			http.Redirect(w, r, "http://elsewhere.example/", http.StatusFound)
		}
	}))
	t.Setenv("HTTP_PROXY", "http://192.0.2.1:3128")
	b, err := demo.NewBrowser(web(address))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if status := b.Get(bounded(t), "/"); status != http.StatusOK || len(hosts) != 2 {
		t.Errorf("%d, hosts %v", status, hosts)
	}
}

func TestBrowsersOnlyOnLoopback(t *testing.T) {
	for _, c := range []demo.WebConfig{
		{Target: "192.0.2.1:80", Source: netip.MustParseAddr("127.9.0.2")},
		{Target: "shop.example.com:80", Source: netip.MustParseAddr("127.9.0.2")},
		{Target: "127.0.0.1:80", Source: netip.MustParseAddr("127.0.0.1")},
		{Target: "127.0.0.1:80"},
	} {
		if _, err := demo.NewBrowser(c); err == nil {
			t.Errorf("a browser goes to %s from %v", c.Target, c.Source)
		}
		if _, err := demo.Flood(c); err == nil {
			t.Errorf("a flood goes to %s from %v", c.Target, c.Source)
		}
	}
}

func TestTallyTellsRefusalFromFailure(t *testing.T) {
	var answer atomic.Int64
	address := webServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := int(answer.Load())
		if status == 0 {
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(status)
	}))
	b, err := demo.NewBrowser(web(address))
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for _, status := range []int64{200, 404, 401, 429, 403, 503, 0} {
		answer.Store(status)
		b.Post(bounded(t), "/", url.Values{})
	}
	if n := b.Tally(); n.Passed != 3 || n.Refused != 3 || n.Failed != 1 {
		t.Errorf("%+v", n)
	}
	stopped, stop := context.WithCancel(context.Background())
	stop()
	b.Get(stopped, "/")
	if n := b.Tally(); n.Failed != 1 {
		t.Errorf("a stop counts as a failure: %+v", n)
	}
}
