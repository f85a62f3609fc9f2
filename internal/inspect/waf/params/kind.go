package params

import "strings"

// Kind says what a value looks like.
type Kind uint8

// The kinds, by rank: each rank holds more than the one before.
const (
	None Kind = iota // empty: neither learned nor judged
	Integer
	Number
	Hex
	UUID
	Date
	Word  // letters of any script
	Slug  // letters, digits, - _ . : ~
	List  // the same with commas
	Token // the same with + / =: Base64
	Email
	Path
	URL
	Text // with blanks and what sentences need
	Code // with quotes, brackets, control characters, ../ and the like
	kinds
)

func kindNames() [kinds]string {
	return [kinds]string{"none", "integer", "number", "hex", "uuid", "date", "word", "slug", "list", "token", "email", "path", "url", "text", "code"}
}

// String names the kind.
func (k Kind) String() string {
	if k >= kinds {
		return "none"
	}
	names := kindNames()
	return names[k]
}

// mask is a set of kinds.
type mask uint16

func (m mask) has(k Kind) bool { return m&(1<<k) != 0 }

// String joins the names with "+".
func (m mask) String() string {
	var b strings.Builder
	for k := Integer; k < kinds; k++ {
		if m.has(k) {
			if b.Len() > 0 {
				b.WriteByte('+')
			}
			b.WriteString(k.String())
		}
	}
	return b.String()
}

// rank is how much a kind can say.
type rank uint8

const (
	strict rank = iota // numbers, ids, dates
	name               // one word
	place              // where something is
	prose              // text
	syntax             // what interpreters act on
)

func (k Kind) rank() rank {
	switch {
	case k <= Date:
		return strict
	case k <= Email:
		return name
	case k <= URL:
		return place
	case k == Text:
		return prose
	}
	return syntax
}

// most is the highest rank of the set.
func (m mask) most() (most rank) {
	for k := Integer; k < kinds; k++ {
		if m.has(k) {
			most = max(most, k.rank())
		}
	}
	return most
}

// wider reports whether a value of a kind is worth telling where only kinds of a rank
// were. A name becomes two words, and a text has quotes, without anybody attacking.
func wider(usual rank, k Kind) bool {
	switch usual {
	case strict:
		return k.rank() >= place
	case name:
		return k.rank() == place || k.rank() == syntax
	case place:
		return k.rank() == syntax
	}
	return false
}
