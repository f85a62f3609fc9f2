package httpgate

import (
	"encoding/binary"
	"time"
)

// Frame types, flags and error codes of RFC 9113, sections 6 and 7.
const (
	frameData         = 0x0
	frameHeaders      = 0x1
	frameReset        = 0x3
	frameSettings     = 0x4
	framePing         = 0x6
	frameGoAway       = 0x7
	frameWindow       = 0x8
	frameContinuation = 0x9

	flagEnd        = 0x1 // END_STREAM, ACK
	flagEndHeaders = 0x4

	codeProtocol    uint32 = 0x1
	codeFlow        uint32 = 0x3
	codeSize        uint32 = 0x6
	codeCompression uint32 = 0x9
	calm            uint32 = 0xb
)

func codeName(code uint32) string {
	switch code {
	case codeProtocol:
		return "PROTOCOL_ERROR"
	case codeFlow:
		return "FLOW_CONTROL_ERROR"
	case codeSize:
		return "FRAME_SIZE_ERROR"
	case codeCompression:
		return "COMPRESSION_ERROR"
	}
	return "ENHANCE_YOUR_CALM"
}

const (
	frameHead = 9
	maxShown  = 64 // bytes of a payload that are shown
)

// frame is one frame's header. It is shown once when the header is there, without a
// payload, and again with the payload where that is short: in place, or as a copy if it
// came in pieces.
type frame struct {
	length      int
	kind, flags byte
	payload     []byte
}

// frames follows the frames of a stream of bytes that comes in any pieces. The zero
// value is ready.
type frames struct {
	head [frameHead]byte
	n    int // bytes of the head that are there
	left int // bytes of the payload to come
	now  frame
	kept [maxShown]byte // of a short payload that came in pieces
}

// between reports whether the next byte begins a frame.
func (s *frames) between() bool { return s.n == 0 && s.left == 0 }

// each shows the frames in p. It does not allocate.
func (s *frames) each(p []byte, show func(*frame)) {
	for len(p) > 0 {
		if s.left > 0 {
			p = p[s.pay(p, show):]
			continue
		}
		n := copy(s.head[s.n:], p)
		s.n += n
		p = p[n:]
		if s.n < frameHead {
			return
		}
		s.n = 0
		s.left = int(binary.BigEndian.Uint32(s.head[:4]) >> 8)
		s.now = frame{length: s.left, kind: s.head[3], flags: s.head[4]}
		show(&s.now)
	}
}

// pay takes what is there of the payload; it returns how much that is.
func (s *frames) pay(p []byte, show func(*frame)) int {
	n := min(s.left, len(p))
	if s.now.length <= maxShown {
		s.now.payload = p[:n]
		if n < s.now.length {
			at := copy(s.kept[s.now.length-s.left:], p[:n])
			s.now.payload = s.kept[:s.now.length-s.left+at]
		}
		if n == s.left {
			show(&s.now)
		}
	}
	s.left -= n
	return n
}

// Rule ids of frames that only cost. Each is a bucket of a connection's own.
const (
	RuleReset        = "http2/reset"        // streams that are opened and taken back (CVE-2023-44487)
	RuleContinuation = "http2/continuation" // a header without end (CVE-2023-45288)
	RuleFrames       = "http2/frames"       // PING, SETTINGS, empty and unknown frames (CVE-2019-9512, -9515, -9518)
)

const (
	resetBurst, resetRate = 500, 50 // a page that is left takes back all that it loads
	frameBurst, frameRate = 1000, 100
	windowBytes           = 512 // answer bytes for which a WINDOW_UPDATE is free
	maxContinuation       = 64
	continuationSlack     = 64 << 10 // bytes of one header beyond twice its limit
)

// spending counts what a client's frames cost beyond what an honest one needs.
type spending struct {
	exempt              bool
	reset, other        bucket
	windows             int64 // WINDOW_UPDATE frames so far
	continued, block    int   // frames and bytes of the header under way
	observed, threshold float64
}

// frame counts one; it returns the rule that is broken.
func (s *spending) frame(f *frame, now time.Time, answered int64, maxHeader int) string {
	if f.kind == frameHeaders || f.kind == frameContinuation {
		return s.header(f, maxHeader)
	}
	if s.exempt {
		return ""
	}
	switch f.kind {
	case frameReset:
		return s.take(&s.reset, resetBurst, resetRate, now, RuleReset)
	case frameData:
		if f.length > 0 || f.flags&flagEnd != 0 {
			return ""
		}
	case frameSettings, framePing:
		if f.flags&flagEnd != 0 { // an ACK answers ours
			return ""
		}
	case frameWindow:
		if s.windows++; s.windows*windowBytes <= answered {
			return ""
		}
	}
	return s.take(&s.other, frameBurst, frameRate, now, RuleFrames)
}

// header bounds one header's frames; net/http bounds what is in them.
func (s *spending) header(f *frame, maxHeader int) string {
	if f.kind == frameHeaders {
		s.continued, s.block = 0, 0
	} else {
		s.continued++
	}
	s.block += f.length
	switch {
	case s.continued > maxContinuation:
		s.observed, s.threshold = float64(s.continued), maxContinuation
	case s.block > 2*maxHeader+continuationSlack:
		s.observed, s.threshold = float64(s.block), float64(2*maxHeader+continuationSlack)
	default:
		return ""
	}
	return RuleContinuation
}

func (s *spending) take(b *bucket, burst, rate float64, now time.Time, rule string) string {
	if b.take(burst, rate, now) {
		return ""
	}
	s.observed, s.threshold = burst+1, burst
	return rule
}

// bucket is a token bucket of one goroutine.
type bucket struct {
	used float64
	at   time.Time
}

func (b *bucket) take(burst, rate float64, now time.Time) bool {
	if passed := now.Sub(b.at).Seconds(); passed > 0 {
		b.used = max(0, b.used-passed*rate)
		b.at = now
	}
	b.used++
	return b.used <= burst
}
