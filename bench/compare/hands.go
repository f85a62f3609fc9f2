package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// shakers is how many handshakes are under way at once.
const shakers = 32

// ticket is a client's memory of one session. A ticket is the proof that the server has
// finished too: it comes after the server has read the client's last message.
type ticket struct {
	conn  net.Conn
	state *tls.ClientSessionState
	fresh bool // a ticket came on this connection
}

func (t *ticket) Get(string) (*tls.ClientSessionState, bool) { return t.state, t.state != nil }

// Put keeps the ticket and ends the read that has brought it. The nil with which the
// library forgets a ticket it has offered is of no interest: the next one is waited for.
func (t *ticket) Put(_ string, s *tls.ClientSessionState) {
	if s == nil {
		return
	}
	t.state, t.fresh = s, true
	_ = t.conn.SetReadDeadline(time.Now())
}

// shaker makes one handshake after the other.
type shaker struct {
	to     string
	config *tls.Config
	group  tls.CurveID
	resume bool
	ticket ticket
}

// shake is a connection, a handshake, the server's ticket, and an orderly end.
func (s *shaker) shake() error {
	c, err := net.Dial("tcp", s.to)
	if err != nil {
		return err
	}
	defer c.Close()
	want := s.resume && s.ticket.state != nil
	if !s.resume {
		s.ticket.state = nil
	}
	s.ticket.conn, s.ticket.fresh = c, false
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	t := tls.Client(c, s.config)
	if err := t.Handshake(); err != nil {
		return fmt.Errorf("handshake: %w", err)
	}
	if is := t.ConnectionState(); is.DidResume != want || is.CurveID != s.group || is.Version != tls.VersionTLS13 {
		return fmt.Errorf("resumed %v, wanted %v, with %v and %s", is.DidResume, want, is.CurveID, tls.VersionName(is.Version))
	}
	if _, err := t.Read(make([]byte, 1)); !s.ticket.fresh {
		return fmt.Errorf("no ticket came: %w", err)
	}
	_ = t.CloseWrite() // the server may be gone already
	return nil
}

// shakeHands makes TLS 1.3 handshakes for a time and counts them.
func shakeHands(args []string) error {
	runtime.GOMAXPROCS(1)
	f := flag.NewFlagSet("hands", flag.ContinueOnError)
	to, resume := f.String("to", "", "address"), f.Bool("resume", false, "resume sessions")
	hybrid := f.Bool("hybrid", false, "X25519MLKEM768 instead of X25519")
	length := f.Duration("for", 3*time.Second, "how long")
	if err := f.Parse(args); err != nil {
		return err
	}
	group := tls.X25519
	if *hybrid {
		group = tls.X25519MLKEM768
	}
	if _, err := sockaddr(*to); err != nil {
		return err
	}
	got, err := shakeAll(*to, group, *resume, *length)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(got)
}

func shakeAll(to string, group tls.CurveID, resume bool, length time.Duration) (carried, error) {
	ctx, stop := context.WithCancelCause(context.Background())
	defer stop(nil)
	var total atomic.Int64
	var all sync.WaitGroup
	begun := time.Now()
	for range shakers {
		s := &shaker{to: to, group: group, resume: resume}
		s.config = &tls.Config{InsecureSkipVerify: true, ServerName: "localhost", CurvePreferences: []tls.CurveID{group}, ClientSessionCache: &s.ticket,
			MinVersion: tls.VersionTLS13, NextProtos: []string{"http/1.1"}}
		all.Go(func() {
			for time.Since(begun) < length && ctx.Err() == nil {
				if err := s.shake(); err != nil {
					stop(err)
					return
				}
				total.Add(1)
			}
		})
	}
	all.Wait()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return carried{}, err
	}
	return carried{Ops: int(total.Load()), Seconds: time.Since(begun).Seconds()}, nil
}
