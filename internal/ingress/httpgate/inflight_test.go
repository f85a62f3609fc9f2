package httpgate_test

import (
	"net/http"
	"sync"
	"testing"

	"github.com/coder/websocket"

	"haechi"
	"haechi/internal/ingress/httpgate"
)

// held is a server that answers /held when it is told to.
func held() (h http.Handler, came <-chan string, answer chan<- struct{}) {
	arrived, release := make(chan string, 16), make(chan struct{})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/held" {
			return
		}
		arrived <- r.Proto
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}), arrived, release
}

// One client may have so many requests at the servers at once, whether by the streams of
// one connection or through a trusted proxy; others are served meanwhile, and its own
// next one is once a place is free.
func TestRequestsOfOneClientAtOnce(t *testing.T) {
	for _, tt := range []struct {
		what, from, url string
		headers, others []string
	}{
		{"over HTTP/2", "127.0.0.2", "https:shop.test/held", nil, []string{"127.0.0.3"}},
		{"behind a proxy", "127.0.0.8", "shop.test/held", []string{"X-Forwarded-For", "203.0.113.5"}, []string{"127.0.0.8", "X-Forwarded-For", "203.0.113.6"}},
	} {
		t.Run(tt.what, func(t *testing.T) {
			server, came, answer := held()
			site := httpgate.Site{Service: "shop", Hosts: []string{"shop.test"}, Load: httpgate.Load{Each: 3}}
			cfg := httpgate.Config{Sites: []httpgate.Site{site}}
			if tt.headers == nil {
				cfg.TLS = selfSigned(t)
			}
			r := start(t, cfg, server)
			c := r.client(tt.from)
			var all sync.WaitGroup
			for range 3 {
				all.Go(func() {
					if a := r.doBy(c, "GET", tt.url, nil, tt.headers...); a.StatusCode != 200 {
						t.Errorf("one of three: %d", a.StatusCode)
					}
				})
				<-came
			}
			e := r.refused(r.doBy(c, "GET", tt.url, nil, tt.headers...), 429, haechi.ReasonConnectionLimit)
			if e.Rule != httpgate.RuleInFlight || e.Observed != 4 || e.Threshold != 3 {
				t.Errorf("event %+v", e)
			}
			other := tt.url[:len(tt.url)-len("held")]
			if a := r.doBy(r.client(tt.others[0]), "GET", other, nil, tt.others[1:]...); a.StatusCode != 200 {
				t.Errorf("another client: %d", a.StatusCode)
			}
			close(answer)
			all.Wait()
			if a := r.doBy(c, "GET", other, nil, tt.headers...); a.StatusCode != 200 {
				t.Errorf("once the places are free: %d", a.StatusCode)
			}
		})
	}
}

// In shadow mode nobody is refused, and who would be is told.
func TestRequestsOfOneClientInShadow(t *testing.T) {
	server, came, answer := held()
	site := httpgate.Site{Service: "shop", Hosts: []string{"shop.test"}, Load: httpgate.Load{Mode: haechi.Shadow, Each: 1}}
	r := start(t, httpgate.Config{Sites: []httpgate.Site{site}}, server)
	var all sync.WaitGroup
	for range 3 {
		all.Go(func() {
			if a := r.do("127.0.0.2", "GET", "shop.test/held", nil); a.StatusCode != 200 {
				t.Errorf("status %d", a.StatusCode)
			}
		})
		<-came
	}
	close(answer)
	all.Wait()
	told := 0
	for range 3 {
		if e := r.next(t); e.Rule == httpgate.RuleInFlight {
			told++
		}
	}
	if told != 2 {
		t.Errorf("told %d times", told)
	}
}

// A WebSocket waits without work: open ones, which have bounds of their own, are not under
// way, else so many as a site may have at once would close it to everybody.
func TestAnOpenSocketIsNotUnderWay(t *testing.T) {
	const most = 8
	r := start(t, httpgate.Config{Sites: []httpgate.Site{{Service: "shop", Load: httpgate.Load{InFlight: most, Each: 2}}}}, talkBack())
	for range most + 1 {
		c, _, err := r.talk("127.0.0.2", websocket.DialOptions{})
		if err != nil {
			t.Fatal(err)
		}
		defer c.CloseNow()
		comesBack(t, c, websocket.MessageText, "hello")
	}
	if a := r.get("shop.test/"); a.StatusCode == 429 || a.StatusCode == 503 {
		t.Errorf("beside open sockets: %d", a.StatusCode)
	}
}
