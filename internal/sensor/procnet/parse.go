package procnet

import (
	"bytes"
	"strconv"
)

// link is what an interface counted since it is there.
type link struct {
	bytesIn, packetsIn, bytesOut, packetsOut uint64
}

// parseDev reads /proc/net/dev: two lines of headings, then "name: 16 numbers" each.
// Lines of another form are left out.
func parseDev(text []byte, each func(name []byte, l link)) {
	for line := range bytes.Lines(text) {
		i := bytes.LastIndexByte(line, ':')
		if i < 0 {
			continue
		}
		name := bytes.TrimSpace(line[:i])
		var n [16]uint64
		if len(name) == 0 || bytes.ContainsAny(name, " \t|") || !numbers(line[i+1:], n[:]) {
			continue
		}
		each(name, link{bytesIn: n[0], packetsIn: n[1], bytesOut: n[8], packetsOut: n[9]})
	}
}

// numbers reads as many whole numbers as there is room for, and reports whether there
// were so many.
func numbers(text []byte, into []uint64) bool {
	i := 0
	for field := range bytes.FieldsSeq(text) {
		if i == len(into) {
			break
		}
		v, err := strconv.ParseUint(string(field), 10, 64)
		if err != nil {
			return false
		}
		into[i] = v
		i++
	}
	return i == len(into)
}

// parsePairs reads /proc/net/snmp and /proc/net/netstat: a line of names, then one of
// values, both begin with the protocol and a colon. A value below zero is none.
func parsePairs(text []byte, each func(proto, name []byte, v uint64)) {
	for len(text) > 0 {
		names, rest := cutLine(text)
		values, after := cutLine(rest)
		proto, heads, ok := bytes.Cut(names, []byte(":"))
		again, amounts, ok2 := bytes.Cut(values, []byte(":"))
		if !ok || !ok2 || !bytes.Equal(proto, again) {
			text = rest
			continue
		}
		pairs(proto, heads, amounts, each)
		text = after
	}
}

func pairs(proto, heads, amounts []byte, each func(proto, name []byte, v uint64)) {
	for {
		var name, amount []byte
		name, heads = cutField(heads)
		amount, amounts = cutField(amounts)
		if name == nil || amount == nil {
			return
		}
		if v, err := strconv.ParseUint(string(amount), 10, 64); err == nil {
			each(proto, name, v)
		}
	}
}

// parseSix reads /proc/net/snmp6: a name and a value a line.
func parseSix(text []byte, each func(name []byte, v uint64)) {
	for line := range bytes.Lines(text) {
		name, rest := cutField(line)
		amount, more := cutField(rest)
		if amount == nil || len(bytes.TrimSpace(more)) > 0 {
			continue
		}
		if v, err := strconv.ParseUint(string(amount), 10, 64); err == nil {
			each(name, v)
		}
	}
}

func cutLine(text []byte) (line, rest []byte) {
	if i := bytes.IndexByte(text, '\n'); i >= 0 {
		return text[:i], text[i+1:]
	}
	return text, nil
}

// cutField takes the next word; nil if there is none.
func cutField(text []byte) (field, rest []byte) {
	text = bytes.TrimLeft(text, " \t\r\n")
	i := bytes.IndexAny(text, " \t\r\n")
	switch {
	case len(text) == 0:
		return nil, nil
	case i < 0:
		return text, nil
	}
	return text[:i], text[i:]
}
