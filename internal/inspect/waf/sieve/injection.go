package sieve

import (
	"bytes"

	"github.com/corazawaf/libinjection-go"
)

// isSQLi asks libinjection, but for texts that it takes for one word or number: of the
// fingerprints of one token only X counts, which symbols alone can make.
func isSQLi(v []byte) bool {
	if oneToken(v) {
		return false
	}
	found, _ := libinjection.IsSQLi(string(v))
	return found
}

// oneToken reports whether the text is empty, a word of letters, digits and underscores,
// or a decimal number.
func oneToken(v []byte) bool {
	if len(v) == 0 {
		return true
	}
	if isDigit(v[0]) {
		rest := bytes.TrimLeft(v, "0123456789")
		return len(rest) == 0 || rest[0] == '.' && len(bytes.TrimLeft(rest[1:], "0123456789")) == 0
	}
	for _, b := range v {
		if !isDigit(b) && (b|0x20 < 'a' || b|0x20 > 'z') && b != '_' {
			return false
		}
	}
	return true
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

// isXSS asks libinjection, but for texts without < and =: what it looks for is a tag, a
// comment, a document type, or an attribute with a value.
func isXSS(v []byte) bool {
	return (bytes.IndexByte(v, '<') >= 0 || bytes.IndexByte(v, '=') >= 0) && libinjection.IsXSS(string(v))
}
