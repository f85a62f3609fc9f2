package config

import (
	"slices"
	"strings"
	"time"

	"haechi/internal/brick/strictjson"
)

// jsonPath is a dotted list of member names from the top of a frame.
type jsonPath string

const pathHint = "write the member names from the top, joined by dots, for example data.auth.signature"

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *jsonPath) UnmarshalText(b []byte) error {
	if !isJSONPath(string(b)) {
		return wrong(pathHint, "%s is no path in a frame", quoted(string(b)))
	}
	*p = jsonPath(b)
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (p jsonPath) MarshalText() ([]byte, error) { return []byte(p), nil }

func isJSONPath(text string) bool {
	if text == "" || strings.ContainsAny(text[:1], "=@") || strings.IndexFunc(text, isControl) >= 0 {
		return false
	}
	for name := range strings.SplitSeq(text, ".") {
		if name == "" || len(name) > strictjson.MaxName {
			return false
		}
	}
	return true
}

// signPart is a part of a string to sign: a path, "=" and a literal, or "@" and a
// name.
type signPart string

// partNames are what may stand behind an @.
func partNames() []string {
	return []string{"@salt", "@raw", "@body", "@body_sha256", "@frame_sha256", "@remote_ip", "@device"}
}

// UnmarshalText implements encoding.TextUnmarshaler.
func (p *signPart) UnmarshalText(b []byte) error {
	text := string(b)
	switch {
	case strings.HasPrefix(text, "@"):
		if !slices.Contains(partNames(), text) {
			hint := "write one of: " + strings.Join(partNames(), ", ")
			if meant := closest(text, partNames()); meant != "" {
				hint = "did you mean " + meant + "? W" + hint[1:]
			}
			return wrong(hint, "%s is no part", quoted(text))
		}
	case strings.HasPrefix(text, "="):
		if len(text) == 1 || len(text) > 256 || strings.IndexFunc(text, isControl) >= 0 {
			return wrong("write = and the text, at most 255 bytes of it, without control characters", "%s is no literal", quoted(text))
		}
	case !isJSONPath(text):
		return wrong(pathHint+`; or "=text" for a literal, or "@salt"`, "%s is no part", quoted(text))
	}
	*p = signPart(text)
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (p signPart) MarshalText() ([]byte, error) { return []byte(p), nil }

// path is the path that the part stands for, "" for another kind.
func (p signPart) path() jsonPath {
	if p == "" || p[0] == '=' || p[0] == '@' {
		return ""
	}
	return jsonPath(p)
}

// delimiter joins parts; it may be a line feed.
type delimiter string

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *delimiter) UnmarshalText(b []byte) error {
	text := string(b)
	bad := func(r rune) bool { return r != '\n' && (isControl(r) || r == '"' || r == '\\') }
	if len(text) > 8 || strings.IndexFunc(text, bad) >= 0 {
		return wrong(`write at most 8 bytes of text, for example "|"; a line feed is "\n"`, "%s is no delimiter", quoted(text))
	}
	*d = delimiter(text)
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (d delimiter) MarshalText() ([]byte, error) { return []byte(d), nil }

// characters is a set of ASCII characters with ranges, as in A-Za-z0-9+/=.
type characters string

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *characters) UnmarshalText(b []byte) error {
	text := string(b)
	if text == "" || len(text) > 128 || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return wrong("write characters and ranges, for example A-Za-z0-9+/=", "%s is no set of characters", quoted(text))
	}
	if set := expand(text); set == "" || strings.Contains(set, "}") {
		return wrong("a range rises, as in 0-9, and a closing brace is not possible: readers who look for the last one would cut the frame elsewhere",
			"%s is no set of characters", quoted(text))
	}
	*c = characters(text)
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (c characters) MarshalText() ([]byte, error) { return []byte(c), nil }

// expand lists the characters of a set; "" if a range falls.
func expand(text string) string {
	var out []byte
	for i := 0; i < len(text); i++ {
		if i+2 >= len(text) || text[i+1] != '-' {
			out = append(out, text[i])
			continue
		}
		if text[i] > text[i+2] {
			return ""
		}
		for b := text[i]; b <= text[i+2]; b++ {
			out = append(out, b)
		}
		i += 2
	}
	slices.Sort(out)
	return string(slices.Compact(out))
}

// offset is a time zone as seconds east of UTC, written +09:00.
type offset int

// UnmarshalText implements encoding.TextUnmarshaler.
func (o *offset) UnmarshalText(b []byte) error {
	t, err := time.Parse("-07:00", string(b))
	if err != nil {
		return wrong(`write hours and minutes from UTC, for example "+09:00"`, "%s is no offset", quoted(string(b)))
	}
	_, seconds := t.Zone()
	*o = offset(seconds)
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (o offset) MarshalText() ([]byte, error) {
	return []byte(time.Unix(0, 0).In(time.FixedZone("", int(o))).Format("-07:00")), nil
}
