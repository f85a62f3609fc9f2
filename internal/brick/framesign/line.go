package framesign

import "strconv"

// Line is a frame of the signed-lines profile before it is signed.
type Line struct {
	KeyID, Device string
	Direction     Direction
	Seq           uint64
	Millis        int64 // Unix milliseconds, of this century: thirteen digits
	Event         string
	Body          []byte // JSON without a line end; nil: none
}

// AppendLine appends the frame with a signature of zeros, without a line end. What
// it makes is only as good as what it is given: read it with a [Reader] before
// signing it.
func AppendLine(dst []byte, l *Line) []byte {
	dst = appendText(append(dst, `{"v":1,"kid":`...), l.KeyID)
	dst = appendText(append(dst, `,"device":`...), l.Device)
	dst = append(append(dst, `,"dir":"`...), l.Direction.String()...)
	dst = strconv.AppendUint(append(dst, `","seq":`...), l.Seq, 10)
	dst = strconv.AppendInt(append(dst, `,"ts":`...), l.Millis, 10)
	dst = appendText(append(dst, `,"event":`...), l.Event)
	if l.Body != nil {
		dst = append(append(dst, `,"body":`...), l.Body...)
	}
	dst = append(append(dst, `,"sig":"`...), blank...)
	return append(dst, `"}`...)
}

// appendText writes a JSON text. A control character is escaped, so that a reader
// says what is wrong.
func appendText(dst []byte, s string) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		case c == '"', c == '\\':
			dst = append(dst, '\\', c)
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}
