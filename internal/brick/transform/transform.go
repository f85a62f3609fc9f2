package transform

import (
	"bytes"
	"html"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Step is one transformation.
type Step uint8

// The steps, named as SecLang names them.
const (
	Lowercase Step = iota
	URLDecodeUni
	HTMLEntityDecode
	JSDecode
	CSSDecode
	EscapeSeqDecode
	RemoveNulls
	RemoveWhitespace
	CompressWhitespace
	ReplaceComments
	RemoveCommentsChar
	CmdLine
	NormalizePath
	NormalizePathWin
	UTF8ToUnicode
	Base64Decode
	Length
)

// Parse returns the step of a SecLang name, in any letter case. It knows those
// that the Core Rule Set 4.25 applies to requests, but for the hashes.
func Parse(name string) (Step, bool) {
	switch strings.ToLower(name) {
	case "lowercase":
		return Lowercase, true
	case "urldecodeuni":
		return URLDecodeUni, true
	case "htmlentitydecode":
		return HTMLEntityDecode, true
	case "jsdecode":
		return JSDecode, true
	case "cssdecode":
		return CSSDecode, true
	case "escapeseqdecode":
		return EscapeSeqDecode, true
	case "removenulls":
		return RemoveNulls, true
	case "removewhitespace":
		return RemoveWhitespace, true
	case "compresswhitespace":
		return CompressWhitespace, true
	case "replacecomments":
		return ReplaceComments, true
	}
	return parseRare(strings.ToLower(name))
}

func parseRare(name string) (Step, bool) {
	switch name {
	case "removecommentschar":
		return RemoveCommentsChar, true
	case "cmdline":
		return CmdLine, true
	case "normalizepath", "normalisepath":
		return NormalizePath, true
	case "normalizepathwin", "normalisepathwin":
		return NormalizePathWin, true
	case "utf8tounicode":
		return UTF8ToUnicode, true
	case "base64decode":
		return Base64Decode, true
	case "length":
		return Length, true
	}
	return 0, false
}

// Triggers returns the bytes without which the step changes nothing but the case
// of ASCII letters. Two steps, base64Decode and length, change every text: then
// always is set.
func (s Step) Triggers() (needs Bytes, always bool) {
	switch s {
	case Lowercase, UTF8ToUnicode:
		return high(), false
	case URLDecodeUni:
		return Of("%+"), false
	case HTMLEntityDecode:
		return Of("&"), false
	case JSDecode, CSSDecode, EscapeSeqDecode:
		return Of(`\`), false
	case RemoveNulls:
		return Of("\x00"), false
	case RemoveWhitespace, CompressWhitespace:
		return high().Or(Of("\t\n\v\f\r ")), false
	case ReplaceComments:
		return Of("*"), false
	case RemoveCommentsChar:
		return Of("*-#"), false
	case CmdLine:
		return Of("\"'\\^ ,;\t\r\n"), false
	case NormalizePath:
		return Of("/."), false
	case NormalizePathWin:
		return Of(`/\.: `), false
	}
	return Bytes{}, true
}

// Append appends what the step makes of src to dst, which must not overlap src.
func (s Step) Append(dst, src []byte) []byte {
	switch s {
	case Lowercase:
		return lowercase(dst, src)
	case URLDecodeUni:
		return urlDecodeUni(dst, src)
	case HTMLEntityDecode:
		if bytes.IndexByte(src, '&') < 0 {
			return append(dst, src...)
		}
		return append(dst, html.UnescapeString(string(src))...)
	case JSDecode:
		return jsDecode(dst, src)
	case CSSDecode:
		return cssDecode(dst, src)
	case EscapeSeqDecode:
		return escapeSeqDecode(dst, src)
	case RemoveNulls:
		return removeNulls(dst, src)
	case RemoveWhitespace:
		return removeWhitespace(dst, src)
	case CompressWhitespace:
		return compressWhitespace(dst, src)
	}
	return s.appendRare(dst, src)
}

func (s Step) appendRare(dst, src []byte) []byte {
	switch s {
	case ReplaceComments:
		return replaceComments(dst, src)
	case RemoveCommentsChar:
		return removeCommentsChar(dst, src)
	case CmdLine:
		return cmdLine(dst, src)
	case NormalizePath:
		return append(dst, normalizePath(string(src))...)
	case NormalizePathWin:
		return append(dst, normalizePathWin(string(src))...)
	case UTF8ToUnicode:
		return utf8ToUnicode(dst, src)
	case Base64Decode:
		return base64Decode(dst, src)
	case Length:
		return strconv.AppendInt(dst, int64(len(src)), 10)
	}
	return append(dst, src...)
}

// lowercase is strings.ToLower: broken UTF-8 becomes U+FFFD, but only in a text
// that has bytes beyond ASCII.
func lowercase(dst, src []byte) []byte {
	for i, b := range src {
		if b >= utf8.RuneSelf {
			return lowercaseRunes(dst[:len(dst)-i], src)
		}
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		dst = append(dst, b)
	}
	return dst
}

func lowercaseRunes(dst, src []byte) []byte {
	for len(src) > 0 {
		r, n := utf8.DecodeRune(src)
		dst = utf8.AppendRune(dst, unicode.ToLower(r))
		src = src[n:]
	}
	return dst
}

func removeNulls(dst, src []byte) []byte {
	for _, b := range src {
		if b != 0 {
			dst = append(dst, b)
		}
	}
	return dst
}

// removeWhitespace drops what Unicode calls space; where it drops or meets broken
// UTF-8, the broken bytes become U+FFFD.
func removeWhitespace(dst, src []byte) []byte {
	for len(src) > 0 {
		r, n := utf8.DecodeRune(src)
		if !unicode.IsSpace(r) {
			dst = utf8.AppendRune(dst, r)
		}
		src = src[n:]
	}
	return dst
}

// compressWhitespace makes one space of each run of Latin-1 white space, the bare
// byte A0 included.
func compressWhitespace(dst, src []byte) []byte {
	within := false
	for len(src) > 0 {
		r, n := utf8.DecodeRune(src)
		space := r == ' ' || '\t' <= r && r <= '\r' || r == 0x85 || r == 0xa0 || src[0] == 0xa0
		switch {
		case !space:
			dst = append(dst, src[:n]...)
		case !within:
			dst = append(dst, ' ')
		}
		within = space
		src = src[n:]
	}
	return dst
}

// replaceComments makes one space of each comment as C has them, an open one
// included.
func replaceComments(dst, src []byte) []byte {
	for {
		at := bytes.Index(src, []byte("/*"))
		if at < 0 {
			return append(dst, src...)
		}
		dst = append(append(dst, src[:at]...), ' ')
		end := bytes.Index(src[at+2:], []byte("*/"))
		if end < 0 {
			return dst
		}
		src = src[at+2+end+2:]
	}
}

// removeCommentsChar drops the marks of comments and keeps what they enclose.
func removeCommentsChar(dst, src []byte) []byte {
	for len(src) > 0 {
		n := 0
		for _, mark := range [...]string{"/*", "*/", "<!--", "-->", "--", "#"} {
			if len(src) >= len(mark) && string(src[:len(mark)]) == mark {
				n = len(mark)
				break
			}
		}
		if n == 0 {
			dst, n = append(dst, src[0]), 1
		}
		src = src[n:]
	}
	return dst
}

// cmdLine spells a command as a shell reads it: without quotes and escapes, one
// space between words, none before slash and parenthesis, small letters.
func cmdLine(dst, src []byte) []byte {
	space := false
	for _, b := range src {
		switch b {
		case '"', '\'', '\\', '^':
			continue
		case ' ', ',', ';', '\t', '\r', '\n':
			if !space {
				dst = append(dst, ' ')
			}
			space = true
			continue
		case '/', '(':
			if space {
				dst = dst[:len(dst)-1]
			}
		}
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		dst, space = append(dst, b), false
	}
	return dst
}

func normalizePath(path string) string {
	if path == "" {
		return ""
	}
	clean := filepath.Clean(path)
	switch {
	case clean == ".":
		return ""
	case path[len(path)-1] == '/':
		return clean + "/"
	}
	return clean
}

func utf8ToUnicode(dst, src []byte) []byte {
	for len(src) > 0 {
		r, n := utf8.DecodeRune(src)
		src = src[n:]
		if r < utf8.RuneSelf {
			dst = append(dst, byte(r))
			continue
		}
		dst = append(dst, '%', 'u')
		for limit := rune(0x1000); r < limit; limit >>= 4 {
			dst = append(dst, '0')
		}
		dst = strconv.AppendUint(dst, uint64(r), 16)
	}
	return dst
}

// Folds reports whether the step changes the case of letters without a trigger.
func (s Step) Folds() bool { return s == Lowercase || s == CmdLine }
