package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Attempt is what came of one deliberate fault.
type Attempt struct {
	Fault   Fault
	Refusal        // from the error frame, if one came
	Told    bool   // an error frame came
	Closed  bool   // the connection was closed
	Sent    []byte // the faulty frame; nil for a bare handshake
	// Answered means that a messageResponse came after the fault: it got through.
	Answered bool
}

// Misbehave commits one fault and watches for at most wait what comes of it. The
// phone behaves until then: it proves itself first where the fault is in a
// message. The fault is sent once. An error means that it could not be committed.
func (p *Phone) Misbehave(ctx context.Context, f Fault, wait time.Duration) (Attempt, error) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s, err := p.Connect(ctx)
	if err != nil {
		return Attempt{Fault: f}, err
	}
	defer s.Close()
	a := Attempt{Fault: f}
	switch f {
	case BareHandshake:
		err = s.Handshake()
	case Replay, Graft:
		return p.reuse(ctx, s, f, wait)
	default:
		if err = s.Open(); err == nil {
			a.Sent = s.Spoiled(f, "시험", "!help")
			err = ignoreCut(s.Send(a.Sent))
		}
	}
	if err != nil {
		return a, fmt.Errorf("misbehave (%v): %w", f, err)
	}
	s.watch(&a, wait, nil)
	return a, nil
}

// reuse captures a frame of an honest connection and offers it as the proof of
// another one: as it is, or its auth on another body.
func (p *Phone) reuse(ctx context.Context, honest *Session, f Fault, wait time.Duration) (Attempt, error) {
	a := Attempt{Fault: f}
	if err := honest.Open(); err != nil {
		return a, fmt.Errorf("misbehave (%v): %w", f, err)
	}
	now := p.now()
	signed := p.cfg.auth(honest.ip, now)
	captured := p.cfg.chat(signed, p.cfg.Bot, "시험", "!help", now)
	if err := honest.Send(captured); err != nil {
		return a, fmt.Errorf("misbehave (%v): %w", f, err)
	}
	if _, err := honest.Until("messageResponse"); err != nil {
		return a, fmt.Errorf("misbehave (%v): %w", f, err)
	}
	thief, err := p.Connect(ctx)
	if err != nil {
		return a, err
	}
	defer thief.Close()
	if err := thief.Handshake(); err != nil {
		return a, fmt.Errorf("misbehave (%v): %w", f, err)
	}
	a.Sent = captured
	proof := func(Frame) []byte { return captured }
	if f == Graft {
		a.Sent = p.cfg.chat(signed, p.cfg.Bot, "시험", "!echo graft", now)
		proof = func(ping Frame) []byte { return thief.answer(ping, signed, now) }
	}
	err = ignoreCut(thief.Send(a.Sent))
	thief.watch(&a, wait, proof)
	return a, err
}

// watch reads until an error frame, a reply, the end of the connection or of the
// time.
// The first ping is answered with what proof makes of it, others are not.
func (s *Session) watch(a *Attempt, wait time.Duration, proof func(ping Frame) []byte) {
	if s.conn.SetReadDeadline(time.Now().Add(wait)) != nil {
		a.Closed = true
		return
	}
	for {
		f, err := s.Next()
		var timeout interface{ Timeout() bool }
		switch {
		case errors.As(err, &timeout) && timeout.Timeout():
			return
		case err != nil:
			a.Closed = true
			return
		case f.Event == "messageResponse":
			a.Answered = true
			return
		case f.Event == "error":
			a.Told, a.Refusal = true, s.phone.Counts().Last
			return
		case f.Event == "ping" && proof != nil:
			if s.Send(proof(f)) != nil {
				a.Closed = true
				return
			}
			proof = nil
		}
	}
}

// ignoreCut drops the error of a write that the other side ended: being cut in
// the middle of a fault is an outcome, not a failure.
func ignoreCut(err error) error {
	var op interface{ Timeout() bool }
	if errors.Is(err, io.ErrClosedPipe) || errors.As(err, &op) {
		return nil
	}
	return err
}
