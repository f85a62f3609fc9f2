package httpgate

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"sync"
	"time"
)

const (
	idleFor         = 60 * time.Second
	maxAnswerHeader = 256 << 10
	maxInterim      = 5 // 1xx answers before the final one, as net/http allows
)

var (
	errInterim = errors.New("too many interim answers from the upstream")
	errSwitch  = errors.New("the upstream switched protocols unasked")
	errStatus  = errors.New("the upstream's answer has no valid status")
)

// upstream is the http.RoundTripper of one site. Requests without a body over
// plain HTTP/1, which most are, are written and answered on the calling goroutine:
// http.Transport's two goroutines a connection cost as much as all parsing. All
// others go to http.Transport. Both use net/http to write and to parse.
type upstream struct {
	general *http.Transport
	dialer  net.Dialer
	addr    string // empty when every request goes to general
	answer  time.Duration
	maxIdle int

	mu     sync.Mutex
	idle   []*wire // the one used last is at the end
	parked []*wire // the same, of those that loops have
	timer  *time.Timer
	closed bool
}

func newUpstream(s Site, u *url.URL) *upstream {
	up := &upstream{general: newTransport(s, u.Scheme), dialer: newDialer(), answer: s.AnswerTimeout, maxIdle: s.MaxIdleUpstream}
	if u.Scheme == "http" {
		up.addr = u.Host
		if u.Port() == "" {
			up.addr = net.JoinHostPort(u.Hostname(), "80")
		}
	}
	return up
}

// RoundTrip implements http.RoundTripper.
func (u *upstream) RoundTrip(r *http.Request) (*http.Response, error) {
	if u.addr == "" || r.Body != nil || r.Method != http.MethodGet && r.Method != http.MethodHead || r.Header["Upgrade"] != nil {
		return u.general.RoundTrip(r)
	}
	if w := u.take(); w != nil {
		res, err := u.ask(w, r)
		if err == nil || !w.stale(err) {
			return res, err
		}
		// The upstream closed the idle connection just now. The request has no body
		// and changes nothing, so it may be sent again.
	}
	w, err := u.dial(r.Context())
	if err != nil {
		return nil, err
	}
	return u.ask(w, r)
}

// ask sends a request and reads the answer's header. On error the connection is
// closed.
func (u *upstream) ask(w *wire, r *http.Request) (*http.Response, error) {
	ctx := r.Context()
	stop := context.AfterFunc(ctx, w.interrupt)
	res, err := u.converse(w, r)
	if err != nil {
		stop()
		w.conn.Close()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, err
	}
	b := &answerBody{inner: res.Body, u: u, w: w, stop: stop, keep: !res.Close}
	if res.Body == http.NoBody {
		b.finish(true)
		return res, nil
	}
	w.left = 1<<63 - 1
	if res.ContentLength < 0 || res.ContentLength > int64(w.br.Buffered()) {
		err = w.conn.SetReadDeadline(time.Time{}) // the rest may take its time
	}
	if ctx.Err() != nil { // the interruption may have come before that
		err = ctx.Err()
	}
	if err != nil {
		b.finish(false)
		return nil, err
	}
	res.Body = b
	return res, nil
}

func (u *upstream) converse(w *wire, r *http.Request) (*http.Response, error) {
	w.left, w.got, w.armed = maxAnswerHeader, false, 0
	w.buffered()
	if err := w.conn.SetDeadline(time.Now().Add(u.answer)); err != nil {
		return nil, err
	}
	if err := r.Write(w.bw); err != nil {
		return nil, err
	}
	if err := w.bw.Flush(); err != nil {
		return nil, err
	}
	for range maxInterim {
		res, err := http.ReadResponse(w.br, r)
		if err != nil {
			return nil, err
		}
		switch {
		case res.StatusCode == http.StatusSwitchingProtocols:
			return nil, errSwitch
		case res.StatusCode < http.StatusContinue:
			return nil, errStatus
		}
		if res.StatusCode >= http.StatusOK {
			return res, nil
		}
		if t := httptrace.ContextClientTrace(r.Context()); t != nil && t.Got1xxResponse != nil {
			if err := t.Got1xxResponse(res.StatusCode, textproto.MIMEHeader(res.Header)); err != nil {
				return nil, err
			}
		}
	}
	return nil, errInterim
}

// answerBody gives the connection back once the body was read to its end.
type answerBody struct {
	inner io.Reader
	u     *upstream
	w     *wire // nil once finished
	stop  func() bool
	keep  bool
}

// Read implements io.Reader.
func (b *answerBody) Read(p []byte) (int, error) {
	if b.w == nil {
		return 0, io.EOF
	}
	n, err := b.inner.Read(p)
	if err != nil {
		b.finish(err == io.EOF)
	}
	return n, err
}

// Close implements io.Closer. What was not read is not waited for.
func (b *answerBody) Close() error {
	if b.w != nil {
		b.finish(false)
	}
	return nil
}

// finish keeps the connection only when nothing is left on it that could be taken
// for the answer to somebody else's request.
func (b *answerBody) finish(whole bool) {
	w := b.w
	b.w = nil
	if b.stop() && whole && b.keep && w.br.Buffered() == 0 {
		b.u.put(w, w.age())
		return
	}
	w.conn.Close()
}
