package client

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"time"
)

var (
	errTooLong  = errors.New("a line is too long")
	errRejected = errors.New("the server rejects this device")
	errSilent   = errors.New("nobody asked for a proof in time: is this a gateway?")
	errRefused  = errors.New("the gateway refuses this device")
)

// dial connects to one server, with TLS if the caller wants it.
func (c *Client) dial(ctx context.Context, server string) (net.Conn, error) {
	ctx, stop := context.WithTimeout(ctx, c.cfg.Handshake)
	defer stop()
	conn, err := c.cfg.Dial(ctx, "tcp", server)
	if err != nil || c.cfg.TLS == nil {
		return conn, err
	}
	cfg := c.cfg.TLS.Clone()
	if cfg.ServerName == "" {
		cfg.ServerName, _, _ = net.SplitHostPort(server)
	}
	secure := tls.Client(conn, cfg)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close() // it may be closed already
		return nil, fmt.Errorf("TLS with %s: %w", server, err)
	}
	return secure, nil
}

// converse lives on one connection until it or ctx ends, and closes it.
func (c *Client) converse(ctx context.Context, conn net.Conn) (worked time.Duration, err error) {
	ctx, stop := context.WithCancelCause(ctx)
	unhook := context.AfterFunc(ctx, func() { _ = conn.Close() }) // wakes the reader
	in := make(chan heard)
	read := make(chan struct{})
	go func() {
		defer close(read)
		stop(c.listen(ctx, conn, in))
	}()
	opened, err := c.speak(ctx, conn, in)
	c.ready.Store(false)
	stop(err)
	unhook()
	_ = conn.Close() // a reader that waits ends with it
	<-read
	if !opened.IsZero() {
		worked = max(time.Since(opened), 1)
	}
	return worked, err
}

// speak is the writing side: the hello, answers at once, frames of the queue once
// the device was let in. It returns when that was.
func (c *Client) speak(ctx context.Context, conn net.Conn, in <-chan heard) (opened time.Time, err error) {
	hello, err := c.hello(conn)
	if err == nil {
		err = write(conn, hello)
	}
	if err != nil {
		return opened, err
	}
	patience := time.NewTimer(c.cfg.Handshake)
	defer patience.Stop()
	var queue <-chan Message // nil until the device is let in, and once it is refused
	late := errSilent
	for {
		select {
		case <-ctx.Done():
			return opened, context.Cause(ctx)
		case <-patience.C:
			if queue == nil {
				return opened, late
			}
		case h := <-in:
			if h.refusal.final() {
				queue, late = nil, errRefused // what it says now would be thrown away
				c.ready.Store(false)
				patience.Reset(heldFor)
			}
			if err := c.reply(conn, h); err != nil {
				return opened, err
			}
			if h.open && opened.IsZero() && late == errSilent {
				opened, queue = time.Now(), c.queue
				c.counts.ready.Add(1)
				c.ready.Store(true)
				if err := c.again(conn); err != nil {
					return opened, err
				}
			}
		case m := <-queue:
			if err := c.deliver(ctx, conn, m); err != nil {
				return opened, err
			}
		}
	}
}

func (c *Client) hello(conn net.Conn) ([]byte, error) {
	local, _, err := net.SplitHostPort(conn.LocalAddr().String())
	if err != nil {
		local = "unknown"
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.voice.begin(local, time.Now())
}

// reply writes the answer to what was heard.
func (c *Client) reply(conn net.Conn, h heard) error {
	if h.what == rejected {
		return errRejected
	}
	if h.answer.Event == "" {
		return nil
	}
	frame, err := c.sign(h.answer)
	if err != nil {
		return err
	}
	c.counts.answered.Add(1)
	return write(conn, frame)
}

func (c *Client) sign(m Message) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.voice.sign(m, time.Now())
}

// deliver signs and writes one of the caller's frames; one that may not have arrived
// is kept for the next connection.
func (c *Client) deliver(ctx context.Context, conn net.Conn, m Message) error {
	now := time.Now()
	frame, err := c.sign(m)
	if err != nil {
		c.counts.done.Add(1)
		return err // it was tried when it was queued, so this is a defect
	}
	err = context.Cause(ctx) // the reader may have seen the end meanwhile
	if err == nil {
		err = write(conn, frame)
	}
	if err != nil {
		c.resend = &written{frame, now}
		return err
	}
	c.counts.sent.Add(1)
	c.counts.done.Add(1)
	return nil
}

// again writes the frame whose writing failed on the connection before, the very
// same bytes.
func (c *Client) again(conn net.Conn) error {
	w := c.resend
	if w == nil {
		return nil
	}
	if time.Since(w.at) > c.cfg.ResendFor {
		c.resend = nil
		c.counts.expired.Add(1)
		c.counts.done.Add(1)
		return nil
	}
	if err := write(conn, w.frame); err != nil {
		return err
	}
	c.resend = nil
	c.counts.resent.Add(1)
	c.counts.sent.Add(1)
	c.counts.done.Add(1)
	return nil
}

func write(conn net.Conn, frame []byte) error {
	if err := conn.SetWriteDeadline(time.Now().Add(writeTime)); err != nil {
		return err
	}
	_, err := conn.Write(frame)
	return err
}

// listen is the reading side. It gives what needs an answer to the writing side and
// everything else to the handler.
func (c *Client) listen(ctx context.Context, conn net.Conn, in chan<- heard) error {
	r := bufio.NewReaderSize(conn, 16<<10)
	for {
		line, err := readLine(r, c.cfg.MaxReply)
		if err != nil {
			return err
		}
		if len(line) == 0 {
			continue
		}
		c.mu.Lock()
		h := c.voice.hear(line, time.Now())
		c.mu.Unlock()
		c.note(&h)
		if h.answer.Event != "" || h.open || h.refusal != nil || h.what == rejected {
			select {
			case in <- h:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		if h.what == told {
			c.counts.received.Add(1)
			c.cfg.Handler(h.message)
		}
	}
}

// note counts what was heard.
func (c *Client) note(h *heard) {
	switch h.what {
	case unreadable:
		c.counts.unreadable.Add(1)
	case unverified:
		c.counts.unverified.Add(1)
	}
	if h.refusal != nil {
		c.counts.ref.Add(1)
		c.counts.last.Store(h.refusal)
		c.cfg.Log.Warn("device is refused", "code", h.refusal.Code, "reference", h.refusal.Reference)
	}
}

// readLine reads up to a line end, which it cuts. The line is the caller's to keep.
func readLine(r *bufio.Reader, most int) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > most {
			return nil, errTooLong
		}
		line = append(line, part...)
		if err == nil {
			return bytes.TrimRight(line, "\r\n"), nil
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, err
		}
	}
}
