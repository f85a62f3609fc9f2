package h3

import (
	"context"
	"errors"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"haechi"
)

// answer handles one stream of the client's.
func (c *Conn) answer(raw *http3.RawServerConn, str *quic.Stream, trouble func(haechi.Reason, string) string) {
	due := time.Now().Add(c.l.cfg.HeaderTimeout)
	_ = str.SetReadDeadline(due) // it is always nil; the request ends it
	raw.HandleRequestStream(str)
	reason, text := c.outcome(str, due)
	if reason == "" {
		return
	}
	if last := trouble(reason, text); last != "" {
		c.end(errorExcessive, last)
	}
}

// begun notes that a stream became a request.
func (c *Conn) begun(id quic.StreamID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests++
	c.asked[id] = struct{}{}
}

// outcome is why a stream came to no answer; empty if it did, or if the connection has
// ended.
func (c *Conn) outcome(str *quic.Stream, due time.Time) (reason haechi.Reason, text string) {
	c.mu.Lock()
	_, asked := c.asked[str.StreamID()]
	delete(c.asked, str.StreamID())
	c.mu.Unlock()
	var broken *quic.StreamError
	if asked {
		if errors.As(context.Cause(str.Context()), &broken) && broken.Remote {
			return haechi.ReasonPeerClosed, ""
		}
		return "", ""
	}
	// Of what the library does itself it tells nobody, but the stream shows it.
	switch _, err := str.Write(nil); {
	case errors.Is(err, quic.ErrStreamClosed):
		return haechi.ReasonOversize, "" // nothing else is answered without being a request
	case !errors.As(err, &broken):
		return "", ""
	}
	switch code := http3.ErrCode(broken.ErrorCode); {
	case broken.Remote:
		return haechi.ReasonPeerClosed, ""
	case code != http3.ErrCodeRequestIncomplete:
		return haechi.ReasonMalformed, code.String()
	case !time.Now().Before(due):
		return haechi.ReasonTimeout, ""
	}
	return haechi.ReasonPeerClosed, ""
}

// violation is the name of the error with which the connection was ended, if it was the
// client's fault.
func (c *Conn) violation() string {
	cause := context.Cause(c.quic.Context())
	if c.closing.Load() {
		return "" // we did
	}
	var app *quic.ApplicationError
	var transport *quic.TransportError
	switch {
	case errors.As(cause, &app) && !app.Remote && app.ErrorCode != errorNone:
		return http3.ErrCode(app.ErrorCode).String()
	case errors.As(cause, &transport) && !transport.Remote && transport.ErrorCode != quic.NoError && transport.ErrorCode != quic.InternalError:
		return transport.ErrorCode.String()
	}
	return ""
}
