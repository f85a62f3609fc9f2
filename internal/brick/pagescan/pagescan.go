package pagescan

import "bytes"

// Found is what a page says.
type Found struct {
	// Insecure counts the http: addresses that loading or sending the page would use.
	Insecure int
	// Element and URL are of the first, or of the first that Active is about: the name of
	// the element, and the address as it is written.
	Element, URL string
	// Active: one of them decides what the page does (a script, style sheet, frame, object
	// or base) or gets what is typed into it (a form). Else they are images and the like.
	Active bool
	// Password: there is a field for a password.
	Password bool
	// Upgrades: the page itself has browsers ask for all of them over TLS (a meta element
	// with upgrade-insecure-requests).
	Upgrades bool
}

// Scan looks through a page, or its beginning. A tag without its end is none.
func Scan(page []byte) Found {
	s := scanner{rest: page}
	for s.next() {
		if s.template == 0 {
			s.look()
		}
	}
	return s.found
}

// scanner walks from tag to tag.
type scanner struct {
	rest     []byte
	tag      tag
	template int // how many template elements are open
	found    Found
}

// next goes on to the next start tag, and past the text of an element that holds
// nothing but text.
func (s *scanner) next() bool {
	if s.tag.name != "" {
		s.skipText(s.tag.name)
	}
	for {
		i := bytes.IndexByte(s.rest, '<')
		if i < 0 || i+1 == len(s.rest) {
			return false
		}
		s.rest = s.rest[i+1:]
		switch c := s.rest[0]; {
		case letter(c):
			if !s.read() {
				return false
			}
			if s.tag.name == "template" {
				s.template++
			}
			return true
		case c == '/' && len(s.rest) > 1 && letter(s.rest[1]):
			s.rest = s.rest[1:]
			if !s.read() {
				return false
			}
			if s.tag.name == "template" && s.template > 0 {
				s.template--
			}
		case c == '!' && bytes.HasPrefix(s.rest, []byte("!--")):
			s.rest = afterComment(s.rest[3:])
		case c == '!', c == '?', c == '/':
			s.rest = after(s.rest, '>')
		}
	}
}

// read reads a tag from its name to its end.
func (s *scanner) read() bool {
	rest, whole := s.tag.read(s.rest)
	s.rest = rest
	return whole
}

// skipText goes past the text of the element, if it is one whose text is no HTML
// (WHATWG HTML, 13.2.6.4). What stands in noscript is not loaded where scripts run.
func (s *scanner) skipText(name string) {
	switch name {
	case "script":
		s.rest = afterScript(s.rest)
	case "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes", "noscript":
		s.rest = fromEnd(s.rest, name)
	case "plaintext":
		s.rest = nil
	}
}

// fromEnd is what begins with the end tag of the name, or nothing.
func fromEnd(b []byte, name string) []byte {
	for {
		i := bytes.Index(b, []byte("</"))
		if i < 0 {
			return nil
		}
		if named(b[i+2:], name) {
			return b[i:]
		}
		b = b[i+2:]
	}
}

// afterScript is what begins with the end tag of a script. One within a comment and a
// script that the text opens is not it (13.2.5.15 to 13.2.5.31).
func afterScript(b []byte) []byte {
	comment, inner := false, false
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] == '<' && bytes.HasPrefix(b[i:], []byte("<!--")) && !comment:
			comment = true
			i += 1 // the dashes may be those of an end: <!-->
		case b[i] == '-' && comment && bytes.HasPrefix(b[i:], []byte("-->")):
			comment, inner = false, false
		case b[i] == '<' && comment && named(b[i+1:], "script"):
			inner = true
		case b[i] == '<' && i+1 < len(b) && b[i+1] == '/' && named(b[i+2:], "script"):
			if !inner {
				return b[i:]
			}
			inner = false
		}
	}
	return nil
}

// afterComment is what follows a comment that has begun (13.2.5.43 to 13.2.5.52).
func afterComment(b []byte) []byte {
	for _, empty := range []string{">", "->"} {
		if bytes.HasPrefix(b, []byte(empty)) {
			return b[len(empty):]
		}
	}
	for {
		i := bytes.Index(b, []byte("--"))
		if i < 0 {
			return nil
		}
		switch end := b[i+2:]; {
		case bytes.HasPrefix(end, []byte(">")):
			return end[1:]
		case bytes.HasPrefix(end, []byte("!>")):
			return end[2:]
		}
		b = b[i+1:]
	}
}

// after is what follows the first c, or nothing.
func after(b []byte, c byte) []byte {
	i := bytes.IndexByte(b, c)
	if i < 0 {
		return nil
	}
	return b[i+1:]
}

// named reports whether b begins with the name and something that ends a name.
func named(b []byte, name string) bool {
	return len(b) > len(name) && equal(b[:len(name)], name) && (blank(b[len(name)]) || b[len(name)] == '/' || b[len(name)] == '>')
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r' }

func letter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' }

// equal reports whether b is the lower case word, whatever the case of its letters.
func equal(b []byte, word string) bool {
	if len(b) != len(word) {
		return false
	}
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != word[i] {
			return false
		}
	}
	return true
}

// contains reports whether the lower case word stands in b, whatever the case there.
func contains(b []byte, word string) bool { return bytes.Contains(bytes.ToLower(b), []byte(word)) }
