package h3_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"haechi"
	"haechi/internal/ingress/h3"
)

// seen is what a handler saw of a request.
func seen(w http.ResponseWriter, r *http.Request) {
	length := r.ContentLength
	b, err := io.ReadAll(r.Body)
	w.Header().Set("Connection", "keep-alive")
	w.Header().Set("Upgrade", "websocket")
	w.Header().Set("X-Seen", fmt.Sprint(r.ProtoMajor, r.Method, r.Host, r.URL.Path, length, r.Body == http.NoBody, len(b), err, r.TLS != nil, r.Header.Get("Expect"), len(r.Trailer)))
	_, _ = io.WriteString(w, "seen")
}

// TestRequestsAreThoseOfNetHTTP: length and body are what net/http says over HTTP/2.
func TestRequestsAreThoseOfNetHTTP(t *testing.T) {
	t.Parallel()
	r := start(t, h3.Config{}, seen)
	c := r.connect("127.0.0.7")
	for _, v := range []struct {
		method, want string
		body         io.Reader
		headers      []string
	}{
		{"GET", "3GETshop.test/x0 true 0 <nil> true0", nil, nil},
		{"HEAD", "3HEADshop.test/x0 true 0 <nil> true0", nil, nil},
		{"POST", "3POSTshop.test/x4 false 4 <nil> true0", strings.NewReader("body"), nil},
		{"POST", "3POSTshop.test/x-1 false 4 <nil> true0", io.MultiReader(strings.NewReader("body")), nil},
		{"POST", "3POSTshop.test/x4 false 4 <nil> true0", strings.NewReader("body"), []string{"Expect", "100-continue"}},
	} {
		res, err := c.request(v.method, "/x", v.body, v.headers...)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, res.Body)
		_ = res.Body.Close()
		got := strings.ReplaceAll(res.Header.Get("X-Seen"), "/x ", "/x")
		if strings.ReplaceAll(got, " ", "") != strings.ReplaceAll(v.want, " ", "") || res.Header["Connection"] != nil || res.Header["Upgrade"] != nil {
			t.Errorf("%s: saw %q, want %q; answer %v", v.method, got, v.want, res.Header)
		}
		if v.method == "HEAD" && res.Header["Content-Length"] != nil {
			t.Errorf("a length was made up for HEAD: %v", res.Header)
		}
	}
}

// TestBodies: an end of the body that is none is told from one that is cut short.
func TestBodies(t *testing.T) {
	t.Parallel()
	began, ends := make(chan struct{}), make(chan error, 1)
	r := start(t, h3.Config{}, func(_ http.ResponseWriter, r *http.Request) {
		began <- struct{}{}
		_, err := io.Copy(io.Discard, r.Body)
		ends <- err
	})
	for name, v := range map[string]struct {
		end  func(*quic.Stream)
		gone bool
	}{
		"reset":     {func(s *quic.Stream) { s.CancelWrite(0x10c) }, true},
		"too short": {func(s *quic.Stream) { _ = s.Close() }, false},
		"too long":  {func(s *quic.Stream) { _, _ = s.Write(append([]byte{0, 9}, "123456789"...)) }, false},
	} {
		c := r.connect("127.0.0.7")
		s := c.raw(headersOf(":method", "POST", ":scheme", "https", ":authority", "shop.test", ":path", "/", "content-length", "10"))
		if _, err := s.Write([]byte{0, 3, 'a', 'b', 'c'}); err != nil {
			t.Fatal(name, err)
		}
		wait(t, began)
		v.end(s)
		if err := wait(t, ends); err == nil || errors.Is(err, io.ErrUnexpectedEOF) != v.gone {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// raw opens a request stream and writes bytes on it.
func (c *client) raw(b []byte) *quic.Stream {
	c.t.Helper()
	s, err := c.conn.OpenStreamSync(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	if _, err := s.Write(b); err != nil {
		c.t.Fatal(err)
	}
	return s
}

// headersOf is a HEADERS frame of literal fields, each with its name (RFC 9204, 4.5.6), of
// less than 127 bytes.
func headersOf(fields ...string) []byte {
	block := []byte{0, 0}
	for i := 0; i+1 < len(fields); i += 2 {
		name, value := fields[i], fields[i+1]
		if len(name) < 7 {
			block = append(block, 0x20|byte(len(name)))
		} else {
			block = append(block, 0x20|7, byte(len(name)-7))
		}
		block = append(block, name...)
		block = append(block, byte(len(value)))
		block = append(block, value...)
	}
	return slices.Concat([]byte{1, 0x40 | byte(len(block)>>8), byte(len(block))}, block)
}

// TestStreamsThatAreNoRequests: the library refuses them by itself, and the gate is told.
func TestStreamsThatAreNoRequests(t *testing.T) {
	t.Parallel()
	r := start(t, h3.Config{HeaderTimeout: 200 * time.Millisecond, MaxHeaderBytes: 1000}, hello)
	for name, v := range map[string]struct {
		bytes []byte
		end   func(*quic.Stream)
		want  trouble
	}{
		"malformed":  {headersOf(":method", "G T"), nil, trouble{haechi.ReasonMalformed, "H3_MESSAGE_ERROR"}},
		"with end":   {headersOf("UPPER-CASE", "x"), func(s *quic.Stream) { _ = s.Close() }, trouble{haechi.ReasonMalformed, "H3_MESSAGE_ERROR"}},
		"too large":  {[]byte{1, 0x80, 1, 0, 0}, nil, trouble{haechi.ReasonOversize, ""}},
		"too late":   {[]byte{1}, nil, trouble{haechi.ReasonTimeout, ""}},
		"taken back": {[]byte{1}, func(s *quic.Stream) { s.CancelWrite(0x10c); s.CancelRead(0x10c) }, trouble{haechi.ReasonPeerClosed, ""}},
		"no request": {[]byte{0, 1, 'x'}, nil, trouble{haechi.ReasonMalformed, "H3_FRAME_UNEXPECTED"}}, // the connection's end
	} {
		c := r.connect("127.0.0.7")
		c.get("/") // or it would be ended as one that asks for nothing
		s := c.raw(v.bytes)
		if v.end != nil {
			v.end(s)
		}
		if got := wait(t, r.trouble); got != v.want {
			t.Errorf("%s: told of %v, want %v", name, got, v.want)
		}
		_ = c.conn.CloseWithError(0x100, "")
		wait(t, r.ended)
	}
}

// TestARequestTakenBack is told, and trouble's text ends the connection.
func TestARequestTakenBack(t *testing.T) {
	t.Parallel()
	began := make(chan struct{})
	r := start(t, h3.Config{}, func(_ http.ResponseWriter, r *http.Request) {
		close(began)
		<-r.Context().Done()
	})
	r.last = "AAAAA-BBBBB"
	c := r.connect("127.0.0.7")
	ctx, cancel := context.WithCancel(t.Context())
	req, _ := http.NewRequestWithContext(ctx, "GET", "https://shop.test/", nil)
	go func() { <-began; cancel() }()
	if _, err := c.http.RoundTrip(req); err == nil {
		t.Error("answered")
	}
	if got := wait(t, r.trouble); got.reason != haechi.ReasonPeerClosed {
		t.Errorf("told of %v", got)
	}
	var app *quic.ApplicationError
	if err := c.over(); !errors.As(err, &app) || app.ErrorMessage != "AAAAA-BBBBB" || http3.ErrCode(app.ErrorCode) != http3.ErrCodeExcessiveLoad {
		t.Errorf("ended by %v", err)
	}
}

// TestHandlersAreBounded: also where the client takes back what it asked for, which gives
// it streams again.
func TestHandlersAreBounded(t *testing.T) {
	t.Parallel()
	const most = 3
	began, release := make(chan struct{}, 100), make(chan struct{})
	r := start(t, h3.Config{MaxStreams: most}, func(http.ResponseWriter, *http.Request) {
		began <- struct{}{}
		<-release
	})
	c := r.connect("127.0.0.7")
	for range 2 * most {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		req, _ := http.NewRequestWithContext(ctx, "GET", "https://shop.test/", nil)
		_, _ = c.http.RoundTrip(req) // it is taken back
		cancel()
	}
	if n := len(began); n != most {
		t.Errorf("%d handlers at once, want %d", n, most)
	}
	close(release)
}

// TestSilence: who asks for nothing is not kept.
func TestSilence(t *testing.T) {
	t.Parallel()
	r := start(t, h3.Config{HeaderTimeout: 300 * time.Millisecond, IdleTimeout: 300 * time.Millisecond}, hello)
	if err := r.connect("127.0.0.7").over(); !closedBy(err, http3.ErrCodeNoError) {
		t.Errorf("ended by %v", err)
	}
	c := r.connect("127.0.0.7")
	c.get("/")
	if err := c.over(); !closedBy(err, http3.ErrCodeNoError) {
		t.Errorf("ended by %v", err)
	}
}

// TestALastAnswer: a handler that wants the connection to end is answered for in full.
func TestALastAnswer(t *testing.T) {
	t.Parallel()
	page := bytes.Repeat([]byte("0123456789abcdef"), 20_000)
	r := start(t, h3.Config{}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		w.WriteHeader(403)
		_, _ = w.Write(page)
	})
	c := r.connect("127.0.0.7")
	if status, text := c.get("/"); status != 403 || text != string(page) {
		t.Errorf("%d, %d bytes", status, len(text))
	}
	if err := c.over(); !closedBy(err, http3.ErrCodeNoError) {
		t.Errorf("ended by %v", err)
	}
}

// TestPanics: a handler that breaks off ends the stream and nothing else.
func TestPanics(t *testing.T) {
	t.Parallel()
	r := start(t, h3.Config{}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/broken" {
			_, _ = io.WriteString(w, strings.Repeat("x", 10_000))
			panic(http.ErrAbortHandler)
		}
	})
	c := r.connect("127.0.0.7")
	res, err := c.request("GET", "/broken", nil)
	if err == nil {
		_, err = io.ReadAll(res.Body)
		_ = res.Body.Close()
	}
	var e *http3.Error
	if !errors.As(err, &e) || e.ErrorCode != http3.ErrCodeInternalError {
		t.Errorf("broken off with %v", err)
	}
	if status, _ := c.get("/"); status != 200 {
		t.Errorf("the next: %d", status)
	}
}
