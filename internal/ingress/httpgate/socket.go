package httpgate

import (
	"encoding/binary"
	"net/http"
	"strings"
	"time"

	"haechi"
	"haechi/internal/brick/gcra"
	"haechi/internal/brick/wsframe"
)

// Close codes of RFC 6455, 7.4.1.
const (
	goingAway       = 1001
	protocolError   = 1002
	policyViolation = 1008
	tooBig          = 1009
)

// unit is what bytes are charged in: the rest waits for more.
const unit = 1 << 10

// framing is what was agreed on for the frames of a WebSocket.
type framing struct {
	known      bool // version 13, RFC 6455
	compressed bool // permessage-deflate
	any        bool // an extension that is not known here
}

// agreed reads it off the handshake.
func agreed(ask header, answer http.Header) (f framing) {
	f.known = ask.first("Sec-Websocket-Version") == "13"
	for _, line := range answer["Sec-Websocket-Extensions"] {
		for one := range strings.SplitSeq(line, ",") {
			name, _, _ := strings.Cut(one, ";")
			switch name = strings.ToLower(strings.TrimSpace(name)); name {
			case "":
			case "permessage-deflate":
				f.compressed = true
			default:
				f.any = true
			}
		}
	}
	return f
}

func newMeter(r gcra.Rate) meter {
	if r.Events <= 0 {
		return meter{}
	}
	each := max(r.Per/time.Duration(r.Events), 1)
	burst := r.Burst
	if burst <= 0 {
		burst = r.Events
	}
	return meter{each: each, burst: each * time.Duration(burst)}
}

// verdict is one that ends the connection.
func (u *upgraded) verdict(rule string, reason haechi.Reason) haechi.Verdict {
	scope := haechi.Scope{Kind: haechi.ScopeAddress, Prefix: u.client.Client}
	return haechi.Verdict{Action: haechi.Deny, Reason: reason, Rule: rule, Ref: haechi.NewReference(rule, scope.String(), u.g.deps.Now())}
}

// broken is a fault of a frame. It reports whether the connection goes on, in shadow;
// then its frames are no longer followed.
func (u *upgraded) broken(f wsframe.Fault) bool {
	if f == wsframe.Oversize {
		u.g.counts.messagesRefused.Add(1)
		v := u.verdict(RuleMessage, haechi.ReasonOversize)
		v.Observed, v.Threshold = float64(u.up.Size), float64(u.bounds.Message)
		u.end(v, tooBig)
	} else {
		u.g.counts.framesRefused.Add(1)
		u.end(u.verdict(RuleFrame+"-"+f.String(), haechi.ReasonMalformed), protocolError)
	}
	if u.ending.Load() {
		return false
	}
	u.writing <- struct{}{}
	defer u.written()
	u.framed = false
	return true
}

// often counts messages against the rate. It reports whether the connection goes on.
func (u *upgraded) often(n uint64) bool {
	wait := u.meter.wait(n, time.Since(u.opened))
	switch {
	case wait <= 0:
		return true
	case u.bounds.Mode != haechi.Shadow && wait <= u.bounds.Pause:
		return u.pause(wait)
	}
	u.g.counts.upgradedRates.Add(1)
	v := u.verdict(RuleMessages, haechi.ReasonRateLimit)
	r := u.bounds.Messages
	v.Threshold, v.Window = float64(r.Events), r.Per
	v.Observed = v.Threshold + float64(wait/u.meter.each) + 1
	u.end(v, policyViolation)
	return !u.ending.Load()
}

// charge charges bytes against the client's rates and waits as long as they say. It
// reports whether the connection goes on.
func (u *upgraded) charge(n int, out bool) bool {
	if !u.paced || n == 0 {
		return true
	}
	owed := &u.owed[0]
	if out {
		owed = &u.owed[1]
	}
	*owed += n
	for *owed >= unit {
		size := min(*owed, max(u.bounds.Piece, unit)) / unit * unit
		*owed -= size
		v := u.g.deps.Pacer.Pace(u.service, &u.client, out, size, u.g.deps.Now())
		switch {
		case v.Action == haechi.Pass:
		case v.Shadow || v.Refuses():
			u.g.counts.upgradedRates.Add(1)
			if u.end(v, policyViolation); u.ending.Load() {
				return false
			}
		case v.Delay > 0 && !u.pause(v.Delay):
			return false
		}
	}
	return true
}

// pause waits. It reports whether the connection is still there.
func (u *upgraded) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return !u.ending.Load()
	case <-u.done:
		return false
	}
}

// expire ends a connection that has lasted for long enough.
func (u *upgraded) expire() {
	u.g.counts.lifetimes.Add(1)
	v := u.verdict(RuleLifetime, haechi.ReasonTimeout)
	v.Observed, v.Threshold = time.Since(u.opened).Seconds(), u.bounds.Lifetime.Seconds()
	u.end(v, goingAway)
}

// end ends the connection, and tells the client why where a frame can be put between
// those of the server. In shadow it only notes the first reason.
func (u *upgraded) end(v haechi.Verdict, code uint16) {
	if v.Shadow || u.bounds.Mode == haechi.Shadow {
		v.Shadow = true
		u.shadowed.CompareAndSwap(nil, &v)
		return
	}
	if !u.ending.CompareAndSwap(false, true) {
		return
	}
	u.own.cut.CompareAndSwap(nil, &v)
	if !u.farewell(code) || u.Conn.SetReadDeadline(time.Now().Add(goodbye)) != nil {
		u.own.cutOff(v)
	}
}

// wouldEnd is what would have ended the connection, were it not in shadow.
func (u *upgraded) wouldEnd() *haechi.Verdict {
	if u == nil {
		return nil
	}
	return u.shadowed.Load()
}

// farewell sends a close frame and ends this direction. It reports whether it could.
func (u *upgraded) farewell(code uint16) bool {
	late := time.NewTimer(goodbye)
	defer late.Stop()
	select {
	case u.writing <- struct{}{}:
	case <-late.C:
		return false // a write is waiting for the client
	}
	defer u.written()
	if !u.framed || !u.down.Between() {
		return false
	}
	_, err := u.Conn.Write(binary.BigEndian.AppendUint16([]byte{0x88, 2}, code))
	return err == nil && u.CloseWrite() == nil
}
