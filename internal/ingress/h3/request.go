package h3

import (
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/quic-go/quic-go"
)

// asking makes of what quic-go understood what net/http would have made of it over
// HTTP/2, for handlers that know only that.
type asking struct {
	c *Conn
	h http.Handler
}

// ServeHTTP implements http.Handler.
func (s *asking) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if b, ok := r.Body.(interface{ StreamID() quic.StreamID }); ok {
		s.c.begun(b.StreamID())
	}
	a := &answering{ResponseWriter: w}
	req := r.WithContext(r.Context())
	req.Trailer = nil // it would come after what was judged
	req.Body, req.ContentLength = bodyOf(a, r)
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) // that of the header; it is always nil
	s.h.ServeHTTP(a, req)
	if r.Method == http.MethodHead { // or a length of 0 would be made up
		_ = a.FlushError() // the client may be gone; there is nobody to tell
	}
	if a.last {
		s.c.Drain()
	}
}

// answering is the http.ResponseWriter of one request. It takes out what belongs to a
// connection of HTTP/1, which no message of HTTP/3 may hold (RFC 9114, 4.2).
type answering struct {
	http.ResponseWriter
	final bool // the header is complete
	wrote bool
	last  bool // the handler wants the connection to end
}

// Unwrap gives http.ResponseController what is below.
func (a *answering) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (a *answering) WriteHeader(status int) {
	h := a.Header()
	for _, v := range h["Connection"] {
		a.last = a.last || strings.EqualFold(v, "close")
	}
	for _, name := range []string{"Connection", "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "Upgrade"} {
		delete(h, name)
	}
	a.final = a.final || status >= http.StatusOK
	a.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter. It guesses a type as net/http does, where
// quic-go would for short answers only.
func (a *answering) Write(p []byte) (int, error) {
	a.begin()
	if h := a.Header(); !a.wrote && len(p) > 0 && h["Content-Type"] == nil && h.Get("Content-Encoding") == "" {
		h.Set("Content-Type", http.DetectContentType(p))
	}
	a.wrote = true
	return a.ResponseWriter.Write(p)
}

// FlushError is what http.ResponseController flushes with.
func (a *answering) FlushError() error {
	a.begin()
	return http.NewResponseController(a.ResponseWriter).Flush()
}

func (a *answering) begin() {
	if !a.final {
		a.WriteHeader(http.StatusOK)
	}
}

// body is that of one request. Its errors are those that net/http has.
type body struct {
	inner  io.ReadCloser
	first  []byte // was read already
	err    error  // was met then
	expect func() // asks the client for the body; nil if it need not be asked
}

// errShort is a body with less in it than was announced.
var errShort = errors.New("the request body is shorter than its length")

// bodyOf is the body of a request and its length, -1 while unknown. HTTP/3 says only by
// the end of the stream that there is none: what does not say its length is waited for
// until it shows, within the time for the header.
func bodyOf(w http.ResponseWriter, r *http.Request) (io.ReadCloser, int64) {
	b := &body{inner: r.Body}
	if strings.EqualFold(r.Header.Get("Expect"), "100-continue") {
		delete(r.Header, "Expect")
		b.expect = func() { w.WriteHeader(http.StatusContinue) }
	}
	switch {
	case r.ContentLength == 0 || r.Method == http.MethodConnect:
		return http.NoBody, 0
	case r.ContentLength > 0:
		return b, r.ContentLength
	}
	var first [1]byte
	n, err := b.Read(first[:])
	switch {
	case n > 0:
		b.first = first[:n]
	case err == io.EOF:
		return http.NoBody, 0
	case !errors.Is(err, os.ErrDeadlineExceeded): // else who reads it has a bound of its own
		b.err = err
	}
	return b, -1
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.expect != nil {
		b.expect()
		b.expect = nil
	}
	if len(b.first) > 0 {
		n := copy(p, b.first)
		b.first = b.first[n:]
		return n, nil
	}
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.inner.Read(p)
	return n, plain(err)
}

// Close implements io.Closer.
func (b *body) Close() error { return b.inner.Close() }

// plain says in net/http's words why a body ended: with its stream or its connection, or
// by being none.
func plain(err error) error {
	var stream *quic.StreamError
	switch {
	case err == nil || err == io.EOF || errors.Is(err, os.ErrDeadlineExceeded):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errShort
	case errors.As(err, &stream) && !stream.Remote:
		return http.ErrBodyReadAfterClose
	case errors.As(err, &stream), errors.As(err, new(*quic.ApplicationError)), errors.As(err, new(*quic.TransportError)),
		errors.As(err, new(*quic.IdleTimeoutError)), errors.As(err, new(*quic.StatelessResetError)):
		return io.ErrUnexpectedEOF
	}
	return err
}
