package httpgate

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"haechi"
)

// RuleH2 is the id of what net/http refuses as no HTTP/2, where no answer is possible.
const RuleH2 = "http2/protocol"

const (
	lastWords = 200 * time.Millisecond
	maxUnread = 4 << 20 // bytes
)

// preface is how every client begins (RFC 9113, 3.4).
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// ownH2 is the body of net/http's own answer to a header that is too large, ownH2Field
// begins that to a header of HTTP/1 (Connection, Transfer-Encoding, TE and the like). A
// test fails when Go changes them.
const (
	ownH2      = "<h1>HTTP Error 431</h1><p>Request Header Field(s) Too Large</p>"
	ownH2Field = `request header "`
)

// h2 is what net/http speaks HTTP/2 on. It reads along: net/http refuses streams and
// connections by itself and says nothing of it, and bounds no frames that only cost.
// It implements no ConnectionState, by which net/http would take it for HTTP/1.
type h2 struct {
	net.Conn // TLS over the gate's own
	c        *conn
	in       frames // of one reader at a time
	begun    int    // bytes of the preface that came
	spent    spending

	last atomic.Pointer[haechi.Reference] // set once the connection is being ended

	mu   sync.Mutex // one writer at a time
	out  frames
	done bool // the last frame is written
}

func newH2(t *tls.Conn, c *conn) *h2 {
	h := &h2{Conn: t, c: c}
	h.spent.exempt = c.trusted || c.Actor.Allowed // a proxy stands for many people
	return h
}

// Read implements net.Conn. It ends the connection of a client that floods.
func (h *h2) Read(p []byte) (int, error) {
	n, err := h.Conn.Read(p)
	if rule := h.listen(p[:n]); rule != "" {
		h.cut(rule)
		return 0, net.ErrClosed
	}
	return n, err
}

// listen looks at what came; it returns the rule that was broken.
func (h *h2) listen(p []byte) (rule string) {
	for h.begun < len(preface) && len(p) > 0 {
		if p[0] != preface[h.begun] {
			return RuleH2
		}
		h.begun++
		p = p[1:]
	}
	now := h.c.g.deps.Now()
	h.in.each(p, func(f *frame) {
		if rule == "" && f.payload == nil {
			rule = h.spent.frame(f, now, h.c.out.Load(), h.c.g.cfg.MaxHeaderBytes)
		}
	})
	return rule
}

// cut ends the connection with a reason and, where a frame may begin, says the
// reference (RFC 9113, 6.8: debug data of GOAWAY).
func (h *h2) cut(rule string) {
	v := haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonFlood, Rule: rule}
	if rule == RuleH2 {
		v.Reason = haechi.ReasonMalformed
	}
	v.Observed, v.Threshold = h.spent.observed, h.spent.threshold
	e := h.c.refusal(haechi.KindRequest, v)
	h.c.g.counts.h2cut.Add(1)
	h.c.g.deps.Sink.Emit(e)
	h.last.Store(&e.Ref)
	h.letRead()
	h.c.Close()
}

// letRead gives the client a moment to read the last frame: a connection that is closed
// while its bytes are unread is reset, and what was sent is lost.
func (h *h2) letRead() {
	for end := time.Now().Add(lastWords); time.Now().Before(end); {
		if h.mu.TryLock() { // or a write is under way, which says it
			h.farewell()
			h.mu.Unlock()
		}
		// An error means a connection that is gone, or that the slice is over.
		_ = h.c.SetReadDeadline(time.Now().Add(lastWords / 10))
		if _, err := io.CopyN(io.Discard, h.c.Conn, maxUnread); !errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
	}
}

// farewell writes the last frame where one may begin. The caller holds mu.
func (h *h2) farewell() {
	ref := h.last.Load()
	if ref == nil || h.done || !h.out.between() {
		return
	}
	h.done = true
	_, _ = h.Conn.Write(goAway(*ref)) // the peer may be gone; there is nobody to tell
	_ = h.c.CloseWrite()
}

// goAway is a GOAWAY with ENHANCE_YOUR_CALM and the reference.
func goAway(ref haechi.Reference) []byte {
	b := []byte{0, 0, byte(8 + len(ref)), frameGoAway, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, byte(calm)}
	return append(b, ref...)
}

// Write implements net.Conn.
func (h *h2) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.done {
		return 0, net.ErrClosed
	}
	h.out.each(p, h.said)
	n, err := h.Conn.Write(p)
	h.farewell()
	return n, err
}

// Close implements net.Conn, as that of h1.
func (h *h2) Close() error { return errors.Join(h.Conn.Close(), h.c.Close()) }

// CloseWrite implements what the gate's connections have.
func (h *h2) CloseWrite() error { return h.Conn.(*tls.Conn).CloseWrite() }

// said tells of net/http's refusals among the frames that it writes.
func (h *h2) said(f *frame) {
	switch {
	case f.kind == frameReset && len(f.payload) == 4:
		h.refused(binary.BigEndian.Uint32(f.payload))
	case f.kind == frameGoAway && len(f.payload) >= 8:
		h.refused(binary.BigEndian.Uint32(f.payload[4:8]))
	case f.kind == frameData && string(f.payload) == ownH2:
		v := haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonOversize, Rule: RuleHeader, Threshold: float64(h.c.g.cfg.MaxHeaderBytes)}
		h.replace(f, v, http.StatusRequestHeaderFieldsTooLarge)
	case f.kind == frameData && bytes.HasPrefix(f.payload, []byte(ownH2Field)) && bytes.HasSuffix(f.payload, []byte(" in HTTP/2\n")):
		h.replace(f, haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonMalformed, Rule: RuleUnreadable}, http.StatusBadRequest)
	}
}

// replace puts a reference in the place of net/http's own words; the frame's length
// stays.
func (h *h2) replace(f *frame, v haechi.Verdict, status int) {
	e := h.c.refusal(haechi.KindRequest, v)
	e.Status = status
	h.c.g.counts.unreadable.Add(1)
	h.c.g.deps.Sink.Emit(e)
	n := copy(f.payload, refusalText(nil, e.Ref))
	copy(f.payload[n:], bytes.Repeat([]byte(" "), len(f.payload)-n))
}

// refused tells of a stream or connection that net/http ended with an error of the
// client's. What honest clients meet in a race is none.
func (h *h2) refused(code uint32) {
	switch code {
	case codeProtocol, codeFlow, codeSize, codeCompression, calm:
	default:
		return
	}
	e := h.c.refusal(haechi.KindRequest, haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonMalformed, Rule: RuleH2})
	e.Text = "HTTP/2 error " + codeName(code)
	h.c.g.counts.h2errors.Add(1)
	h.c.g.deps.Sink.Emit(e)
}
