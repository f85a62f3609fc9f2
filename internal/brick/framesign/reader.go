package framesign

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"haechi/internal/brick/strictjson"
)

const (
	minNonce, maxNonce = 16, 64
	// maxSeq is the largest whole number that every JSON reader holds exactly.
	maxSeq = 1<<53 - 1
	// maxDevice bounds a device's name, in characters.
	maxDevice = 100
)

// Frame is what a [Reader] found; its slices alias the frame or the reader, and
// hold until the next Read.
type Frame struct {
	Text
	Seq    uint64 // the nonce as a number, if the layout counts
	Millis int64  // the timestamp, Unix milliseconds
	Body   []byte // as written; nil: none
	At     int    // where the signature's 64 characters begin
}

// Reader finds the signed values of frames. It serves one goroutine at a time.
type Reader struct {
	layout Layout
	scan   *strictjson.Scanner
	text   []byte
	join   []byte
	frame  Frame
}

// The slots of the scanner. Those of the device follow.
const (
	slotKey = iota
	slotNonce
	slotTime
	slotEvent
	slotSig
	slotVersion
	slotDir
	slotBody
	slotDevice
)

// NewReader returns a reader of the layout. It fails if a path is wrong or given
// twice.
func NewReader(l Layout) (*Reader, error) {
	paths := []string{l.KeyID, l.Nonce, l.Timestamp, l.Event, l.Signature,
		orNone(l.Version, "version"), orNone(l.Direction, "direction"), orNone(l.Body, "body")}
	set, err := strictjson.Compile(append(paths, l.Device...)...)
	if err != nil {
		return nil, fmt.Errorf("layout %q: %w", l.Name, err)
	}
	return &Reader{layout: l, scan: strictjson.New(set, strictjson.Limits{BigNumbers: true})}, nil
}

// orNone keeps the slots in place: no accepted frame has a name with a NUL in it.
func orNone(path, role string) string {
	if path != "" {
		return path
	}
	return "\x00" + role
}

// Read reads one frame without its line end. It checks everything but the signature
// itself.
func (r *Reader) Read(frame []byte) (*Frame, Fault) {
	r.text, r.frame = r.text[:0], Frame{}
	end, fault := r.scan.Scan(frame)
	if fault != strictjson.OK || bytes.IndexByte(frame, '\r') >= 0 || bytes.IndexByte(frame, '\n') >= 0 {
		return nil, BadFrame
	}
	if f := r.values(frame); f != OK {
		return nil, f
	}
	if !r.tail(frame[end:]) {
		return nil, BadFrame
	}
	if f := r.frame.Text.Fault(); f != OK {
		return nil, f
	}
	return &r.frame, OK
}

// values looks at one signed value after the other, so that the first wrong one is
// the one that is told.
func (r *Reader) values(frame []byte) Fault {
	if f := r.version(); f != OK {
		return f
	}
	if f := r.texts(frame); f != OK {
		return f
	}
	if f := r.nonce(); f != OK {
		return f
	}
	if f := r.time(); f != OK {
		return f
	}
	return r.form()
}

func (r *Reader) version() Fault {
	v := r.scan.Value(slotVersion)
	if r.layout.Version != "" && (v.Kind != strictjson.Number || string(v.Raw) != "1") {
		return BadVersion
	}
	return OK
}

// texts reads key id, device, event, direction and body.
func (r *Reader) texts(frame []byte) Fault {
	f := &r.frame
	var ok [3]bool
	f.KeyID, ok[0] = r.value(slotKey)
	f.Event, ok[1] = r.value(slotEvent)
	f.Device, ok[2] = r.device()
	if ok != [3]bool{true, true, true} {
		return BadField
	}
	f.Body = whole(frame, r.scan.Value(slotBody))
	if r.layout.Direction == "" {
		return OK
	}
	switch dir, _ := r.value(slotDir); string(dir) {
	case "up":
	case "down":
		f.Direction = Down
	default:
		return BadField
	}
	return OK
}

// whole is a value as it is written, a text with its quotes.
func whole(frame []byte, v strictjson.Span) []byte {
	from, to := int(v.At), int(v.At)+len(v.Raw)
	switch v.Kind {
	case strictjson.Missing:
		return nil
	case strictjson.String:
		from, to = from-1, to+1
	}
	return frame[from:to:to]
}

// value is the text of a slot that may be signed.
func (r *Reader) value(slot int) ([]byte, bool) {
	v := r.scan.Value(slot)
	if v.Kind != strictjson.String {
		return nil, false
	}
	text := v.Text(&r.text)
	return text, plain(text)
}

func (r *Reader) device() ([]byte, bool) {
	r.join = r.join[:0]
	last := len(r.layout.Device) - 1
	for i := range r.layout.Device {
		part, ok := r.value(slotDevice + i)
		if !ok || i == last && (bytes.IndexByte(part, '/') >= 0 || utf8.RuneCount(part) > maxDevice) {
			return nil, false
		}
		if last == 0 {
			return part, true
		}
		if i > 0 {
			r.join = append(r.join, '/')
		}
		r.join = append(r.join, part...)
	}
	return r.join, true
}

func (r *Reader) nonce() Fault {
	v := r.scan.Value(slotNonce)
	f := &r.frame
	if r.layout.Counter {
		n, ok := wholeNumber(v)
		if !ok || n < 1 || n > maxSeq {
			return BadNonce
		}
		f.Nonce, f.Seq = v.Raw, n
		return OK
	}
	text, ok := r.value(slotNonce)
	if !ok || !token(text) {
		return BadNonce
	}
	f.Nonce = text
	return OK
}

// token reports whether the text is a nonce: bounded, and of characters that no
// escape can hide.
func token(b []byte) bool {
	for _, c := range b {
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '_', c == '-':
		default:
			return false
		}
	}
	return len(b) >= minNonce && len(b) <= maxNonce
}

// wholeNumber reads plain digits.
func wholeNumber(v strictjson.Span) (uint64, bool) {
	if v.Kind != strictjson.Number || !digits(v.Raw) || len(v.Raw) > 16 {
		return 0, false
	}
	var n uint64
	for _, c := range v.Raw {
		n = n*10 + uint64(c-'0')
	}
	return n, true
}

func (r *Reader) time() Fault {
	v := r.scan.Value(slotTime)
	n, ok := wholeNumber(v)
	if !ok || len(v.Raw) != TimeDigits {
		return BadTime
	}
	r.frame.Timestamp, r.frame.Millis = v.Raw, int64(n)
	return OK
}

func (r *Reader) form() Fault {
	v := r.scan.Value(slotSig)
	if v.Kind != strictjson.String || v.Escaped || !lowerHex(v.Raw) {
		return BadForm
	}
	r.frame.At = int(v.At)
	return OK
}

// tail reports whether what follows the object may stand there: then the first
// JSON value of the line and its last closing brace are one to every reader.
func (r *Reader) tail(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	if !among(r.layout.Tails, r.frame.Event) {
		return false
	}
	for _, c := range b {
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '+', c == '/', c == '=':
		default:
			return false
		}
	}
	return true
}

func among(names []string, name []byte) bool {
	for _, n := range names {
		if n == string(name) {
			return true
		}
	}
	return false
}
