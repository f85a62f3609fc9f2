package devicegate

import "unicode/utf8"

const (
	maxRoom  = 255 // bytes, as in kb_rooms
	maxRooms = 32  // names kept a session
)

// rooms gives the names of a session's rooms without allocating for one that was
// seen lately.
type rooms struct {
	list []string
	next int
}

// name returns the room's name, cut to 255 bytes at the edge of a character.
func (r *rooms) name(text []byte) string {
	if len(text) == 0 {
		return ""
	}
	if n := maxRoom; len(text) > n {
		for n > 0 && !utf8.RuneStart(text[n]) {
			n--
		}
		text = text[:n]
	}
	for _, s := range r.list {
		if s == string(text) {
			return s
		}
	}
	s := string(text)
	if len(r.list) < maxRooms {
		r.list = append(r.list, s)
	} else {
		r.list[r.next] = s
		r.next = (r.next + 1) % maxRooms
	}
	return s
}
