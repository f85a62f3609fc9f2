package main

import (
	"crypto/tls"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"
)

// The open loop has every request answered that it sends, over few connections too,
// where some have to wait for one.
func TestOpenLoop(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, answerBody) }))
	defer server.Close()
	c := &crossing{request: []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n")}
	if err := c.connect(server.Listener.Addr().String(), 2); err != nil {
		t.Fatal(err)
	}
	got, err := c.run(1000, 200*time.Millisecond, rand.New(rand.NewPCG(1, 1)))
	if err != nil || got.Ops < 120 || got.Ops > 280 || got.P50 <= 0 || got.P99 < got.P50 {
		t.Errorf("%+v, %v", got, err)
	}
	if len(c.late) != got.Ops {
		t.Errorf("%d sent, %d answered", len(c.late), got.Ops)
	}
}

// An answer that is not the upstream's ends the run.
func TestOpenLoopWantsTheAnswer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, answerBody)
	}))
	defer server.Close()
	c := &crossing{request: []byte("GET / HTTP/1.1\r\nHost: a\r\n\r\n")}
	if err := c.connect(server.Listener.Addr().String(), 1); err == nil {
		t.Error("a 503 is taken")
	}
}

// The handshakes that are counted are of the kind that was asked for, at both ends.
func TestHandshakes(t *testing.T) {
	for _, c := range []struct {
		group  tls.CurveID
		resume bool
	}{{tls.X25519, false}, {tls.X25519, true}, {tls.X25519MLKEM768, false}} {
		var full, resumed atomic.Int64
		server := httptest.NewUnstartedServer(http.NotFoundHandler())
		server.TLS = &tls.Config{VerifyConnection: func(is tls.ConnectionState) error {
			if is.DidResume {
				resumed.Add(1)
			} else {
				full.Add(1)
			}
			return nil
		}}
		server.StartTLS()
		got, err := shakeAll(server.Listener.Addr().String(), c.group, c.resume, 200*time.Millisecond)
		server.Close()
		if err != nil || got.Ops < shakers || int64(got.Ops) != full.Load()+resumed.Load() {
			t.Errorf("%v: %+v with %d full and %d resumed, %v", c, got, full.Load(), resumed.Load(), err)
		}
		if want := int64(shakers); c.resume && full.Load() != want || !c.resume && resumed.Load() != 0 {
			t.Errorf("%v: %d full and %d resumed", c, full.Load(), resumed.Load())
		}
	}
}

// A server that gives no tickets is an error, and not fast.
func TestHandshakesWantTickets(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = &tls.Config{SessionTicketsDisabled: true}
	server.Config.ReadTimeout = 100 * time.Millisecond
	server.StartTLS()
	defer server.Close()
	if _, err := shakeAll(server.Listener.Addr().String(), tls.X25519, false, 100*time.Millisecond); err == nil {
		t.Error("no ticket is taken for one")
	}
}
