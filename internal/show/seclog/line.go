package seclog

import (
	"strconv"
	"time"
	"unicode/utf8"

	"haechi"
)

// maxValue bounds what a peer chose, in bytes before it is escaped; MaxLine a whole line.
const (
	maxValue = 96
	MaxLine  = 4096
)

// stamp is the time in a line: RFC 3339, UTC, always milliseconds.
const stamp = "2006-01-02T15:04:05.000Z07:00"

// appendLine writes the event as one line with its end, or nothing for an event that has
// no place in the log.
func appendLine(out []byte, e *haechi.Event) []byte {
	if !worthy(e) {
		return out
	}
	phrase := phraseOf(e)
	if phrase == "" {
		return out
	}
	out = e.Addr.Unmap().WithZone("").AppendTo(out)
	out = append(out, ' ')
	out = e.Time.UTC().Round(time.Millisecond).AppendFormat(out, stamp)
	out = append(out, ' ')
	out = append(out, phrase...)
	out = append(out, ':')
	out = pair(out, "service", e.Service)
	out = pair(out, "kind", e.Kind.String())
	out = pair(out, "reason", string(e.Reason))
	out = append(out, " count="...)
	out = strconv.AppendUint(out, e.N(), 10)
	out = pair(out, "device", e.Device)
	out = pair(out, "method", e.Method)
	out = pair(out, "host", e.Host)
	out = pair(out, "path", e.Path)
	if e.Status != 0 {
		out = append(out, " status="...)
		out = strconv.AppendInt(out, int64(e.Status), 10)
	}
	out = pair(out, "rule", e.Rule)
	out = pair(out, "ref", string(e.Ref))
	return append(out, '\n')
}

// worthy reports whether the event may stand in the log at all: a failure that counted,
// of an address that is real and not allowed to do as it pleases. The end of a refused
// connection repeats what was refused.
func worthy(e *haechi.Event) bool {
	return e.Addr.IsValid() && e.Assurance >= haechi.Handshaken && !e.Allowed && !e.Shadow && !e.Provoked &&
		e.Outcome == haechi.Failure && e.Kind != haechi.KindClose
}

// pair writes a key and its value; an empty value is left out.
func pair(out []byte, key, value string) []byte {
	if value == "" {
		return out
	}
	out = append(out, ' ')
	out = append(out, key...)
	out = append(out, '=')
	return appendValue(out, cut(value))
}

// cut bounds a value at a character's edge.
func cut(value string) string {
	if len(value) <= maxValue {
		return value
	}
	n := maxValue
	for n > maxValue-utf8.UTFMax && !utf8.RuneStart(value[n]) {
		n--
	}
	return value[:n]
}

// appendValue writes a value that needs no quotes as it is, and any other as a quoted Go
// text in which spaces are escaped too: strconv.Unquote reads it back.
func appendValue(out []byte, value string) []byte {
	if bare(value) {
		return append(out, value...)
	}
	start := len(out)
	out = strconv.AppendQuote(out, value)
	spaces := 0
	for _, b := range out[start:] {
		if b == ' ' {
			spaces++
		}
	}
	if spaces == 0 {
		return out
	}
	return escapeSpaces(out, start, spaces)
}

// escapeSpaces replaces each of so many spaces behind start by \x20, from the end on.
func escapeSpaces(out []byte, start, spaces int) []byte {
	from := len(out) - 1
	for range 3 * spaces {
		out = append(out, 0)
	}
	for to := len(out) - 1; from >= start; from-- {
		if out[from] != ' ' {
			out[to] = out[from]
			to--
			continue
		}
		copy(out[to-3:], `\x20`)
		to -= 4
	}
	return out
}

// bare reports whether the value holds only what no reader of logs can mistake.
func bare(value string) bool {
	for i := range len(value) {
		switch c := value[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		case c == '.', c == '_', c == '/', c == ':', c == '-':
		default:
			return false
		}
	}
	return true
}
