package httpgate

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"

	"haechi"
)

// maxHeldBody is how much of a request body is waited for before the upstream hears
// of the request: a client that sends slowly holds the gateway, and no server behind.
const (
	maxHeldBody = 64 << 10
	minHeldBody = 1 << 10
)

// held is a request body of which the beginning, or all, has arrived.
type held struct {
	io.Reader
	io.Closer
}

// holdBody waits until the body is there, or as much of it as is waited for. When it
// reports false, it has answered.
func (x *exchange) holdBody(r *http.Request) bool {
	first, all, err := x.readHeld(r.Body, max(maxHeldBody, x.wants()+1))
	if err != nil {
		x.refuseBody(err)
		return false
	}
	x.arrived = first
	rest := r.Body
	if all {
		x.bodyHere = true
		r.Body = held{bytes.NewReader(first), rest}
		return true
	}
	r.Body = held{io.MultiReader(bytes.NewReader(first), rest), rest}
	return true
}

// readHeld reads as much as is waited for. Memory grows with what came, so that a
// connection that brings nothing costs nothing.
func (x *exchange) readHeld(from io.Reader, most int) (buf []byte, all bool, err error) {
	for len(buf) < most {
		if len(buf) == cap(buf) {
			next := max(minHeldBody, 2*cap(buf))
			if !x.g.hold(int64(next - cap(buf))) {
				return buf, false, errNoRoom
			}
			x.heldBytes += int64(next - cap(buf))
			grown := make([]byte, len(buf), next)
			copy(grown, buf)
			buf = grown
		}
		n, err := from.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			return buf, true, nil
		}
		if err != nil {
			return buf, false, err
		}
	}
	return buf, false, nil
}

var errNoRoom = errors.New("too much is waiting for slow clients")

// refuseBody answers a request whose body did not come as it should.
func (x *exchange) refuseBody(err error) {
	v := haechi.Verdict{Action: haechi.Deny, Reason: haechi.ReasonMalformed, Rule: RuleBadBody}
	status := http.StatusBadRequest
	var network net.Error
	switch {
	case err == errNoRoom:
		v.Reason, v.Rule, v.Delay, status = haechi.ReasonOverload, RuleHeld, retryBusy, http.StatusServiceUnavailable
		v.Observed, v.Threshold = float64(x.g.held.Load()), float64(x.g.cfg.MaxHeld)
	case x.body.over.Load() || x.body.slow.Load() || x.body.bad.Load() || x.cutBy() != nil:
		v, status = x.failure(err)
	case x.r.Context().Err() != nil, errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &network), x.r.ProtoMajor == 2:
		x.status, x.abort = statusClientGone, true
		return
	}
	x.refuse(v, status)
}
