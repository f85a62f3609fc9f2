package client

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"time"

	"haechi"
	"haechi/internal/brick/framesign"
)

// Errors that callers tell apart.
var (
	// ErrQueueFull: the frame was not taken, because as many as [Config.Queue] wait.
	ErrQueueFull = errors.New("the queue is full")
	// ErrRunning: Run was called while it runs.
	ErrRunning = errors.New("the client runs already")
)

// Message is one frame, to be sent or received.
type Message struct {
	// Event is the frame's event name.
	Event string
	// Body is JSON: body of signed-lines (nil: none), data of messengerbot (an
	// object; nil: an empty one). Of the gateway's own error frames in signed-lines
	// it is the whole frame.
	Body json.RawMessage
	// Tail is the base64 text behind a messengerbot message; text that was received
	// there is as the server sent it.
	Tail []byte
	// Verified is set on a received frame that carries the server's signature.
	Verified bool
}

// Code is the key that an enrolment code is: the text as haechi devices code new shows
// it. A device that the gateway does not know yet is let in with it.
func Code(text string) (haechi.Key, error) {
	id, ok := framesign.CodeID(text)
	if !ok {
		return haechi.Key{}, &haechi.Error{Kind: haechi.Invalid, Op: "read an enrolment code", Msg: "it does not look like HC1-9N3AH-…"}
	}
	return haechi.Key{ID: id, Secret: haechi.Secret(text)}, nil
}

// Protocol is how a device speaks: [SignedLines] or [Messengerbot].
type Protocol interface {
	// speaker checks the identity and returns its voice.
	speaker() (speaker, error)
}

// Config says who the device is and where it connects. Servers and Protocol are
// needed; every other zero field takes its default.
type Config struct {
	// Servers are host:port, tried in order.
	Servers  []string
	Protocol Protocol
	// TLS is used if it is not nil. Set RootCAs for an own CA, and pins with the
	// package haechi/pin. Without ServerName the server's host is taken.
	TLS *tls.Config
	// Handler is told every received frame but pings and challenges, in order and
	// from one goroutine. While it works nothing is read, pings neither: it must
	// return soon. It may call Send.
	Handler func(Message)
	// Queue is how many frames may wait; default 1,024.
	Queue int
	// MaxFrame bounds a sent frame in bytes, default 1 MiB; MaxReply a received one,
	// default 32 MiB, since bots send images.
	MaxFrame, MaxReply int
	// Backoff is the first delay, default 1 s, and MaxBackoff the longest, default
	// 60 s. Each is jittered down to its half.
	Backoff, MaxBackoff time.Duration
	// ResendFor is how old a frame may be that is sent again after its writing
	// failed; default 60 s. Older ones are dropped and counted: the gateway would
	// take them for a replay.
	ResendFor time.Duration
	// Handshake is how long dialling, and then the proof, may take; default 15 s.
	Handshake time.Duration
	// Dial replaces the way to a server; TLS is put on top of it.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Log is told what happens to the connection; nil: nobody.
	Log *slog.Logger
}

const (
	// settled is how long a connection must have worked before failures are forgotten.
	settled = 30 * time.Second
	// heldFor is how long a refused device stays, in silence: the gateway closes when
	// somebody approves it, and coming back every few seconds helps nobody.
	heldFor = 2 * time.Minute
	// writeTime bounds one write.
	writeTime = 15 * time.Second
)

func (c Config) withDefaults() (Config, error) {
	if len(c.Servers) == 0 || c.Protocol == nil {
		return c, &haechi.Error{Kind: haechi.Invalid, Op: "make a client", Msg: "it needs Servers and a Protocol"}
	}
	for _, s := range c.Servers {
		if _, _, err := net.SplitHostPort(s); err != nil {
			return c, &haechi.Error{Kind: haechi.Invalid, Op: "make a client", Hint: "write host:port", Err: err}
		}
	}
	c.Queue, c.MaxFrame, c.MaxReply = or(c.Queue, 1024), or(c.MaxFrame, 1<<20), or(c.MaxReply, 32<<20)
	c.Backoff, c.MaxBackoff = or(c.Backoff, time.Second), or(c.MaxBackoff, time.Minute)
	c.MaxBackoff = max(c.MaxBackoff, c.Backoff)
	c.ResendFor, c.Handshake = or(c.ResendFor, time.Minute), or(c.Handshake, 15*time.Second)
	if c.Handler == nil {
		c.Handler = func(Message) {}
	}
	if c.Dial == nil {
		c.Dial = new(net.Dialer).DialContext
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

func or[T ~int | ~int64](v, fallback T) T {
	if v <= 0 {
		return fallback
	}
	return v
}
