package scenario_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"haechi/test/gateway"
)

const portQUIC = 8443

// quicRig is a rig with a service that speaks HTTP/3, and a server behind it.
type quicRig struct {
	*rig
	behind *httptest.Server
	began  chan struct{} // a value for each /slow that has begun
	finish chan struct{} // lets them go on
}

// newQUIC makes one; the gateway is not started. more are settings of the service.
func newQUIC(t *testing.T, more string) *quicRig {
	t.Helper()
	q := &quicRig{rig: newRig(t, settings{}), began: make(chan struct{}, 100), finish: make(chan struct{}, 100)}
	q.behind = httptest.NewServer(q)
	t.Cleanup(q.behind.Close)
	t.Cleanup(func() { close(q.finish) }) // or a failed test would wait for it
	q.set3("http3: true", more)
	return q
}

func runQUIC(t *testing.T, more string) *quicRig {
	t.Helper()
	q := newQUIC(t, more)
	q.start()
	return q
}

// set3 writes the configuration.
func (q *quicRig) set3(tlsMore, more string) {
	q.t.Helper()
	q.configure(settings{services: fmt.Sprintf("  fast:\n    kind: http\n    hosts: [%s]\n    listen: [%q]\n    tls: { dev_ca: true, %s }\n    upstream: %s\n%s",
		shopHost, q.at(1, portQUIC), tlsMore, q.behind.URL, block("    ", more))})
}

// ServeHTTP is the server behind.
func (q *quicRig) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Alt-Svc", `h3=":1"`)
	w.Header().Set("X-Client", r.Header.Get("X-Forwarded-For"))
	w.Header().Set("X-Shown", r.Header.Get("Client-Cert"))
	w.Header().Set("X-Saw", fmt.Sprint(r.Method, " ", r.ContentLength, " ", len(r.TransferEncoding)))
	http.SetCookie(w, &http.Cookie{Name: "id", Value: "1"})
	switch r.URL.Path {
	case "/page":
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<p>hello</p>")
	case "/slow":
		q.began <- struct{}{}
		<-q.finish
		_, _ = w.Write(make([]byte, 100_000))
	case "/large":
		for range 256 {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	case "/broken":
		_, _ = w.Write(make([]byte, 100_000))
		panic(http.ErrAbortHandler)
	default:
		_, _ = io.Copy(w, r.Body)
	}
}

// guest is a client of HTTP/3 with at most one connection.
type guest struct {
	t    *testing.T
	q    *quicRig
	at   int
	cert []tls.Certificate // that it shows if asked

	socket    *net.UDPConn
	transport *quic.Transport
	conn      *quic.Conn
	http      *http3.ClientConn
}

func (q *quicRig) guest(t *testing.T, i int) *guest { return &guest{t: t, q: q, at: i} }

// enter connects.
func (g *guest) enter() error {
	g.leave()
	var err error
	if g.socket, err = net.ListenUDP("udp", &net.UDPAddr{IP: g.q.addr(g.at).AsSlice()}); err != nil {
		return err
	}
	g.t.Cleanup(g.leave)
	g.transport = &quic.Transport{Conn: g.socket}
	to, err := net.ResolveUDPAddr("udp", g.q.at(1, portQUIC))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), gateway.Patient(5*time.Second))
	defer cancel()
	g.conn, err = g.transport.Dial(ctx, to, &tls.Config{InsecureSkipVerify: true, ServerName: shopHost, NextProtos: []string{"h3"}, Certificates: g.cert}, nil)
	if err != nil {
		return err
	}
	g.http = (&http3.Transport{DisableCompression: true}).NewClientConn(g.conn)
	return nil
}

// leave ends the connection.
func (g *guest) leave() {
	if g.conn != nil {
		_ = g.conn.CloseWithError(0x100, "")
	}
	if g.transport != nil {
		_ = g.transport.Close()
		_ = g.socket.Close()
	}
	g.conn, g.http, g.transport = nil, nil, nil
}

// begin asks, over the connection that it has or makes.
func (g *guest) begin(method, path, body string, headers ...string) (*http.Response, error) {
	if g.http == nil {
		if err := g.enter(); err != nil {
			return nil, err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), gateway.Patient(30*time.Second))
	g.t.Cleanup(cancel)
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, "https://"+shopHost+path, in)
	if err != nil {
		return nil, err
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			req.Host = headers[i+1]
			continue
		}
		req.Header.Set(headers[i], headers[i+1])
	}
	return g.http.RoundTrip(req)
}

// ask is begin and the whole answer.
func (g *guest) ask(method, path, body string, headers ...string) (page, error) {
	resp, err := g.begin(method, path, body, headers...)
	if err != nil {
		return page{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return page{resp, string(b)}, err
}

// get wants an answer.
func (g *guest) get(path string, headers ...string) page {
	g.t.Helper()
	p, err := g.ask("GET", path, "", headers...)
	if err != nil {
		g.t.Fatalf("GET %s over HTTP/3: %v", path, err)
	}
	return p
}

// over waits for the connection's end.
func (g *guest) over(within time.Duration) error {
	g.t.Helper()
	select {
	case <-g.conn.Context().Done():
		return context.Cause(g.conn.Context())
	case <-time.After(gateway.Patient(within)):
		g.t.Fatal("the connection is still open")
		return nil
	}
}

func refusedQUIC(err error) bool {
	var e *quic.TransportError
	return errors.As(err, &e) && e.Remote && e.ErrorCode == quic.ConnectionRefused
}

// overTCP asks the same service over TCP, by HTTP/1.1 or HTTP/2.
func (q *quicRig) overTCP(t *testing.T, at int, h2 bool) *guestTCP {
	t.Helper()
	tr := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dialFrom(ctx, q.addr(at), q.at(1, portQUIC))
	}, TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: shopHost}, Protocols: new(http.Protocols), DisableCompression: true}
	tr.Protocols.SetHTTP1(!h2)
	tr.Protocols.SetHTTP2(h2)
	t.Cleanup(tr.CloseIdleConnections)
	return &guestTCP{t, &http.Client{Transport: tr, Timeout: gateway.Patient(10 * time.Second)}}
}

type guestTCP struct {
	t *testing.T
	*http.Client
}

func (g *guestTCP) get(path string, headers ...string) page {
	g.t.Helper()
	req, err := http.NewRequest("GET", "https://"+shopHost+path, nil)
	must(g.t, err)
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := g.Do(req)
	must(g.t, err)
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	must(g.t, err)
	return page{resp, string(b)}
}
