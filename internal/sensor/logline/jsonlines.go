package logline

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
)

// json tries the patterns of JSON lines.
func (r *Reader) json(m *message) {
	if p := r.set.eve; p != nil && r.eve(p, m) {
		return
	}
	if p := r.set.zeek; p != nil && r.zeekJSON(p, m) {
		return
	}
	var doc map[string]any
	if len(r.set.json) == 0 || json.Unmarshal(m.text, &doc) != nil {
		return
	}
	for _, p := range r.set.json {
		if !p.about(doc) {
			continue
		}
		if r.mapped(p, doc) {
			at := m.at
			if at.IsZero() {
				at = timeIn(doc)
			}
			if p.web() {
				r.request(p, at)
			} else {
				r.tell(p, &p.lines[0], at)
			}
			return
		}
	}
}

// about reports whether a document has the values that the pattern wants.
func (p *pattern) about(doc map[string]any) bool {
	for name, want := range p.When {
		v, ok := lookup(doc, name)
		if !ok {
			return false
		}
		text := textOf(v)
		if prefix, any := strings.CutSuffix(want, "*"); any && strings.HasPrefix(text, prefix) {
			continue
		}
		if text != want {
			return false
		}
	}
	return true
}

// mapped reads the fields; a source must be there.
func (r *Reader) mapped(p *pattern, doc map[string]any) bool {
	r.got = fields{}
	for name, where := range p.Fields {
		v, ok := lookup(doc, where)
		if !ok {
			continue
		}
		place, _ := placeOf(name)
		text := textOf(v)
		if place == path {
			text = pathOnly(text)
		}
		if text == "" {
			continue
		}
		if !r.got.set(place, []byte(text)) {
			return false
		}
	}
	return r.got.source.IsValid()
}

// lookup follows a path of names joined by dots; of a list it takes the first.
func lookup(doc map[string]any, where string) (any, bool) {
	var v any = doc
	for name := range strings.SplitSeq(where, ".") {
		m, ok := v.(map[string]any)
		if !ok {
			return nil, false
		}
		if v, ok = m[name]; !ok {
			return nil, false
		}
		if list, ok := v.([]any); ok && len(list) > 0 {
			v = list[0]
		}
	}
	return v, true
}

func textOf(v any) string {
	switch x := v.(type) {
	case string:
		return x
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(x)
	}
	return ""
}

// timeIn finds the time of a document by the names that are in use.
func timeIn(doc map[string]any) time.Time {
	for _, name := range [...]string{"ts", "time", "timestamp", "@timestamp", "date"} {
		switch v := doc[name].(type) {
		case float64:
			if v > 1e12 { // milliseconds
				v /= 1000
			}
			whole, part := math.Modf(v)
			return time.Unix(int64(whole), int64(part*1e9))
		case string:
			for _, layout := range [...]string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999-0700"} {
				if at, err := time.Parse(layout, v); err == nil {
					return at
				}
			}
		}
	}
	return time.Time{}
}
