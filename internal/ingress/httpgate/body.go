package httpgate

import (
	"context"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

var (
	errTooLarge = errors.New("the request body is too large")
	errTooSlow  = errors.New("the request body comes too slowly")
)

// body bounds a request body in size and in slowness. It is read by one goroutine
// at a time, which may outlive the exchange; its results are read by another.
type body struct {
	io.ReadCloser
	control *http.ResponseController
	left    int64
	budget  time.Duration // how long the client may still keep us waiting
	most    time.Duration // of budget: what came fast earns no pause later
	rate    int64

	n          atomic.Int64
	over, slow atomic.Bool
	bad, gone  atomic.Bool // what came is no body; it ended before its end

	mu    sync.Mutex // held while a deadline is set
	ended bool
}

// guardBody returns the request with its body bounded. The request is copied:
// net/http looks at the original's body to see whether it was read.
func (x *exchange) guardBody(r *http.Request) *http.Request {
	b := &body{ReadCloser: r.Body, control: http.NewResponseController(x.w), left: x.site.maxBody,
		budget: x.g.cfg.BodyTimeout, most: x.g.cfg.BodyTimeout, rate: x.g.cfg.MinRate}
	if b.left < 0 {
		b.left = math.MaxInt64 - 1
	}
	x.body = b
	// It also bounds what net/http reads away by itself after the answer.
	b.deadline(x.origin.Add(b.budget))
	r = r.WithContext(r.Context())
	r.Body = b
	return r
}

// deadline sets by when the client must have sent more, unless the exchange has
// ended: the connection is the next request's then.
func (b *body) deadline(t time.Time) (ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ended {
		return false
	}
	// An error means a connection that is gone, which the read meets too.
	_ = b.control.SetReadDeadline(t)
	return true
}

// end lets go of the connection. A transport that still reads gets no more.
func (b *body) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ended = true
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left+1 {
		p = p[:b.left+1]
	}
	start := time.Now()
	if !b.deadline(start.Add(b.budget)) {
		return 0, http.ErrBodyReadAfterClose
	}
	n, err := b.ReadCloser.Read(p)
	b.budget = min(b.most, b.budget-time.Since(start)+time.Duration(n)*time.Second/time.Duration(b.rate))
	b.n.Add(int64(n))
	if int64(n) > b.left {
		b.over.Store(true)
		return int(b.left), errTooLarge
	}
	b.left -= int64(n)
	var timeout interface{ Timeout() bool }
	switch {
	case err == nil:
	case err == io.EOF:
		// From here on the server watches for the client's leaving with a read of
		// its own, which must not run into the deadline.
		b.deadline(time.Time{})
	case errors.As(err, &timeout) && timeout.Timeout():
		b.slow.Store(true)
		return n, errTooSlow
	default:
		b.bad.Store(!brokenOff(err))
		b.gone.Store(brokenOff(err))
	}
	return n, err
}

// brokenOff reports whether a body ended with its connection or stream, and not by
// being none.
func brokenOff(err error) bool {
	var network net.Error
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, http.ErrBodyReadAfterClose) || errors.Is(err, net.ErrClosed) ||
		errors.Is(err, context.Canceled) || errors.As(err, &network) || http2Ended(err.Error())
}

// http2Ended reports whether an error of net/http, whose type is not exported, says that
// an HTTP/2 stream or connection has ended.
func http2Ended(text string) bool {
	return text == "client disconnected" || strings.HasPrefix(text, "stream error:") || strings.HasPrefix(text, "http2:")
}
