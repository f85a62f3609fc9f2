package httpgate_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"haechi"
	"haechi/internal/ingress/httpgate"
)

// narrow makes a connection with a small receive buffer.
func (r *rig) narrow(from, text string, buffer int) net.Conn {
	r.t.Helper()
	c, _ := r.raw(from, "")
	if err := c.(*net.TCPConn).SetReadBuffer(buffer); err != nil {
		r.t.Fatal(err)
	}
	if _, err := io.WriteString(c, text); err != nil {
		r.t.Fatal(err)
	}
	return c
}

// page answers with so many bytes and says when it had given them away.
func page(size int, written chan<- time.Time) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", strconv.Itoa(size))
		for left := size; left > 0; left -= 8192 {
			if _, err := w.Write(make([]byte, min(left, 8192))); err != nil {
				return
			}
		}
		_ = http.NewResponseController(w).Flush()
		written <- time.Now()
	})
}

// Slow read: a client that takes a few bytes now and then loses its connection, and
// holds no server behind until then.
func TestTrickleReader(t *testing.T) {
	written := make(chan time.Time, 1)
	cfg := small()
	cfg.WriteTimeout, cfg.MinRate = time.Second, 64<<10
	r := start(t, cfg, page(900<<10, written))
	began := time.Now()
	c := r.narrow("127.0.0.3", "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n", 1024)
	done := make(chan error, 1)
	go func() {
		for {
			if _, err := c.Read(make([]byte, 512)); err != nil {
				done <- err
				return
			}
			<-time.After(20 * time.Millisecond) // 25 KB/s
		}
	}()
	e := r.next(t)
	if e.Rule != httpgate.RuleSlowRead || e.Reason != haechi.ReasonTimeout || e.Outcome != haechi.Failure || e.Ref == "" ||
		e.Observed >= e.Threshold || e.Threshold != 64<<10 || e.Window != time.Second || e.Addr.String() != "127.0.0.3" {
		t.Errorf("event %+v", e)
	}
	select {
	case at := <-written:
		if at.After(e.Time) {
			t.Errorf("the server behind was held for %v, to the end", at.Sub(began))
		}
	default:
		t.Error("the server behind was held to the end")
	}
	c.SetReadDeadline(time.Now().Add(5 * time.Second))
	<-done
}

// An answer that fits into the kernel's buffer: the gateway has written it and waits for
// the next request. That ends, and the kernel does not go on with it.
func TestShortAnswerThatIsNotTaken(t *testing.T) {
	cfg := small()
	cfg.WriteTimeout, cfg.IdleTimeout = 200*time.Millisecond, 500*time.Millisecond
	r := start(t, cfg, page(100<<10, make(chan time.Time, 1)))
	c := r.narrow("127.0.0.3", "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n", 1024)
	r.next(t)
	if e := r.next(t); e.Kind != haechi.KindClose || e.Rule != httpgate.RuleSlowRead || e.Ref == "" || e.Reason != haechi.ReasonTimeout {
		t.Errorf("event %+v", e)
	}
	if _, err := io.Copy(io.Discard, c); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("ended with %v, want a reset", err)
	}
}

// A reader that is slow and fair gets all of it, over many windows.
func TestSlowFairReader(t *testing.T) {
	written := make(chan time.Time, 1)
	cfg := small()
	cfg.WriteTimeout, cfg.MinRate = 500*time.Millisecond, 16<<10
	const size = 3 << 20
	r := start(t, cfg, page(size, written))
	c := r.narrow("127.0.0.3", "GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n", 32<<10)
	n, buf := 0, make([]byte, 16<<10)
	for {
		m, err := c.Read(buf)
		if n += m; err != nil {
			break
		}
		<-time.After(10 * time.Millisecond)
	}
	if n < size {
		t.Errorf("%d of %d bytes came", n, size)
	}
	if e := r.next(t); e.Outcome != haechi.Success || e.BytesOut != size {
		t.Errorf("event %+v", e)
	}
}

// So does one of an answer in chunks, of which the gateway reads ahead meanwhile.
func TestSlowFairReaderOfChunks(t *testing.T) {
	cfg := small()
	cfg.WriteTimeout, cfg.MinRate = 500*time.Millisecond, 16<<10
	const pieces, piece = 64, 16 << 10
	r := start(t, cfg, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range pieces {
			if _, err := w.Write(bytes.Repeat([]byte("x"), piece)); err != nil {
				t.Error(err)
			}
		}
	}))
	c := r.narrow("127.0.0.3", "GET / HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n\r\n", 32<<10)
	n, buf := 0, make([]byte, 16<<10)
	for {
		m, err := c.Read(buf)
		if n += bytes.Count(buf[:m], []byte("x")); err != nil {
			break
		}
		<-time.After(10 * time.Millisecond)
	}
	if n < pieces*piece {
		t.Errorf("%d of %d bytes came", n, pieces*piece)
	}
	if e := r.next(t); e.Outcome != haechi.Success || e.BytesOut != pieces*piece {
		t.Errorf("event %+v", e)
	}
}

// h2 speaks as much HTTP/2 as an attack needs.
type h2 struct {
	t *testing.T
	c net.Conn
}

func (h h2) frame(kind, flags byte, stream uint32, payload string) {
	head := make([]byte, 9)
	binary.BigEndian.PutUint32(head, uint32(len(payload))<<8|uint32(kind))
	head[4] = flags
	binary.BigEndian.PutUint32(head[5:], stream)
	if _, err := io.WriteString(h.c, string(head)+payload); err != nil {
		h.t.Error(err)
	}
}

// open sends the preface with the initial window, and requests on the streams.
func (r *rig) h2(from string, window uint32, streams ...uint32) h2 {
	r.t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 5 * time.Second}
	c, err := tls.DialWithDialer(&d, "tcp", r.addr, &tls.Config{InsecureSkipVerify: true, ServerName: "localhost", NextProtos: []string{"h2"}})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { c.Close() })
	h := h2{r.t, c}
	if _, err := io.WriteString(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"); err != nil {
		r.t.Fatal(err)
	}
	h.frame(4, 0, 0, string(binary.BigEndian.AppendUint32([]byte{0, 4}, window)))
	for _, s := range streams {
		h.frame(1, 5, s, "\x82\x87\x84\x01\x09shop.test") // GET https / shop.test
	}
	return h
}

// resets reads frames until all streams were reset, and reports how long that took.
func (h h2) resets(n int) time.Duration {
	h.t.Helper()
	began, br := time.Now(), bufio.NewReader(h.c)
	h.c.SetReadDeadline(began.Add(10 * time.Second))
	head := make([]byte, 9)
	for n > 0 {
		if _, err := io.ReadFull(br, head); err != nil {
			h.t.Fatalf("%d streams were not reset: %v", n, err)
		}
		if _, err := br.Discard(int(binary.BigEndian.Uint32(head) >> 8)); err != nil {
			h.t.Fatal(err)
		}
		if head[3] == 3 {
			n--
		}
	}
	return time.Since(began)
}

// HTTP/2 windows that stay closed, whole or all but a byte: each stream is reset, and
// the server behind was free long before.
func TestClosedWindows(t *testing.T) {
	for name, window := range map[string]uint32{"closed": 0, "one byte": 1} {
		t.Run(name, func(t *testing.T) {
			written := make(chan time.Time, 100)
			r := start(t, secureSmall(t), page(300<<10, written))
			r.h2("127.0.0.3", window, 1, 3, 5, 7, 9).resets(5)
			for range 5 {
				if e := r.next(t); e.Rule != httpgate.RuleSlowRead || e.Ref == "" || e.Outcome != haechi.Failure {
					t.Errorf("event %+v", e)
				}
				<-written
			}
		})
	}
}

// An answer that fits into net/http's own buffer is sent after the handler: that is
// bounded too.
func TestClosedWindowOfAShortAnswer(t *testing.T) {
	r := start(t, secureSmall(t), page(100, make(chan time.Time, 1)))
	if took := r.h2("127.0.0.3", 0, 1).resets(1); took > 3*time.Second {
		t.Errorf("reset after %v", took)
	}
}

// secureSmall has TLS and short waits.
func secureSmall(t *testing.T) httpgate.Config {
	cfg := small()
	cfg.WriteTimeout, cfg.IdleTimeout, cfg.MinRate = 400*time.Millisecond, 5*time.Second, 256<<10
	ts := httptest.NewUnstartedServer(nil)
	ts.StartTLS()
	t.Cleanup(ts.Close)
	cfg.TLS = &tls.Config{Certificates: ts.TLS.Certificates}
	return cfg
}

// RUDY: a body that trickles in holds the gateway, and the server behind never hears
// of it.
func TestTrickleBodyNeverReachesTheServer(t *testing.T) {
	var asked atomic.Int32
	cfg := small()
	cfg.Sites[0].MaxBody = 1 << 20
	r := start(t, cfg, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		asked.Add(1)
		n, _ := io.Copy(io.Discard, q.Body)
		w.Header().Set("X-Read", strconv.FormatInt(n, 10))
	}))
	for _, head := range []string{"Content-Length: 4096\r\n\r\nfoo=", "Transfer-Encoding: chunked\r\n\r\n4\r\nfoo=\r\n"} {
		_, br := r.raw("127.0.0.3", "POST / HTTP/1.1\r\nHost: shop.test\r\n"+head)
		res, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(res.Body)
		r.refused(answer{res, string(text)}, http.StatusRequestTimeout, haechi.ReasonTimeout)
	}
	if asked.Load() != 0 {
		t.Errorf("the server behind was asked %d times", asked.Load())
	}
	for _, n := range []int{1, 4096, 64 << 10, 64<<10 + 1, 300_000} {
		a := r.do("127.0.0.2", "POST", "shop.test/", strings.NewReader(strings.Repeat("b", n)))
		if a.StatusCode != 200 || a.Header.Get("X-Read") != strconv.Itoa(n) {
			t.Errorf("%d bytes: %d, read %s", n, a.StatusCode, a.Header.Get("X-Read"))
		}
		if e := r.next(t); e.BytesIn != int64(n) {
			t.Errorf("%d bytes were counted as %d", n, e.BytesIn)
		}
	}
	for _, c := range r.gate.Counters() {
		if c.Name == "http_held_bytes_now" && c.Value != 0 {
			t.Errorf("%d bytes are still held", c.Value)
		}
	}
}

// What came fast earns no pause later.
func TestFastThenSlowBody(t *testing.T) {
	cfg := small()
	cfg.Sites[0].MaxBody = 1 << 20
	r := start(t, cfg, echo())
	began := time.Now()
	_, br := r.raw("127.0.0.3", "POST / HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 500000\r\n\r\n"+strings.Repeat("b", 400_000))
	res, err := http.ReadResponse(br, nil)
	if err != nil || res.StatusCode != http.StatusRequestTimeout {
		t.Fatal(res, err)
	}
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("the body was waited for for %v", took)
	}
}

// A body whose chunks are none is the client's mistake, not the server's.
func TestBadChunks(t *testing.T) {
	r := start(t, small(), echo())
	_, br := r.raw("127.0.0.3", "POST / HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
	res, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(res.Body)
	r.refused(answer{res, string(text)}, http.StatusBadRequest, haechi.ReasonMalformed)
}

// Memory for slow clients is bounded: beyond it they are refused, with a reference.
func TestHeldIsBounded(t *testing.T) {
	cfg := small()
	cfg.MaxHeld, cfg.Sites[0].MaxBody = 4096, 1<<20
	r := start(t, cfg, echo())
	if a := r.do("127.0.0.2", "POST", "shop.test/", strings.NewReader(strings.Repeat("b", 2000))); a.StatusCode != 200 {
		t.Errorf("status %d", a.StatusCode)
	}
	r.next(t)
	a := r.do("127.0.0.2", "POST", "shop.test/", strings.NewReader(strings.Repeat("b", 9000)))
	if e := r.refused(a, http.StatusServiceUnavailable, haechi.ReasonOverload); e.Rule != httpgate.RuleHeld || a.Header.Get("Retry-After") == "" {
		t.Errorf("event %+v", e)
	}
}

func TestRangeAttack(t *testing.T) {
	r := start(t, small(), echo())
	killer := "bytes=0-" + strings.Repeat(",5-1", 1300)
	for _, method := range []string{"GET", "HEAD"} {
		a := r.do("127.0.0.3", method, "shop.test/", nil, "Range", killer[:3500])
		e := r.next(t)
		if a.StatusCode != http.StatusRequestedRangeNotSatisfiable || e.Rule != httpgate.RuleRange || e.Ref == "" || e.Observed <= e.Threshold {
			t.Errorf("%s: %d, event %+v", method, a.StatusCode, e)
		}
	}
	if a := r.get("shop.test/", "Range", "bytes=0-99"); !strings.Contains(a.text, "Range: bytes=0-99") {
		t.Errorf("an ordinary range is gone: %q", a.text)
	}
	if a := r.get("shop.test/", "Range", "bytes=9-5", "If-Range", `"x"`, "Request-Range", "bytes=0-1"); strings.Contains(a.text, "Range") {
		t.Errorf("a senseless range goes to the server behind: %q", a.text)
	}
}
