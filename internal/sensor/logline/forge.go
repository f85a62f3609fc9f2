package logline

import "fmt"

// worded is text without blanks that a client may have chosen.
func (p place) worded() bool { return p == word || p == method || p == transport }

// about reports whether the place says whom a line is about.
func (p place) about() bool { return p == source || p == sourceEnd }

// forgeable reports an error where a client whose text stands in a place of the template
// could write a line about somebody else. ours: the words are the server's.
//
// A line is read from the left up to the first place of any text, and from the right down
// to the last. A client that may put blanks where one word is expected can so move the
// address: what stands before it on its side must not be his, if what is behind can take
// the rest of the true line.
func (t *template) forgeable(ours bool) error {
	all := t.tokens()
	at := -1
	for i, k := range all {
		if !k.place.about() {
			continue
		}
		if at >= 0 {
			return fmt.Errorf("{source} or {endpoint} stands here twice")
		}
		at = i
	}
	if at < 0 {
		return fmt.Errorf("neither {source} nor {endpoint}: nobody could be told")
	}
	if err := begins(all[0], ours); err != nil {
		return err
	}
	for i, k := range all {
		if k.place == quoted && !t.inQuotes(all, i) {
			return fmt.Errorf("{quoted} must stand in quotes")
		}
	}
	if i := t.mover(all, at); i >= 0 && !ours {
		return fmt.Errorf("a client that puts blanks into {%s} could write another address there; if it is the server's own text say server_words: true",
			placeNames()[all[i].place])
	}
	return nil
}

// begins wants a beginning that no client wrote.
func begins(first token, ours bool) error {
	if p := first.place; p.free() || p == quoted || p.worded() && !ours {
		return fmt.Errorf("it begins with {%s}: any line in which a client wrote the rest would fit; begin with text of the server", placeNames()[p])
	}
	return nil
}

func (t *template) inQuotes(all []token, i int) bool {
	if i == 0 || i == len(all)-1 {
		return false
	}
	before, after := all[i-1].text, all[i+1].text
	return len(before) > 0 && len(after) > 0 && before[len(before)-1] == '"' && after[0] == '"'
}

// mover finds the word by which the address could be moved, -1 without one.
func (t *template) mover(all []token, at int) int {
	head, tail := len(t.head), len(all)-len(t.tail)
	from, to := 0, at // where such a word would stand
	absorbed := len(t.free) > 0
	switch {
	case t.free == nil:
		for _, k := range all[at:] {
			absorbed = absorbed || k.place.worded() || k.place == quoted
		}
	case at >= tail:
		from, to = at, len(all)
	case at >= head:
		from, to = head, tail
	}
	for i := from; i < to && absorbed; i++ {
		if all[i].place.worded() {
			return i
		}
	}
	return -1
}

func (t *template) tokens() []token {
	all := append([]token(nil), t.head...)
	return append(append(all, t.free...), t.tail...)
}
