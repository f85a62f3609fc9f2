package params

const (
	maxRoute    = 160 // bytes of a route's name
	maxSegments = 8
)

// appendRoute names the route of a path: method and path, with what differs from request
// to request in braces.
func appendRoute(b []byte, l *Learner, method, path string) []byte {
	if method == "HEAD" {
		method = "GET"
	}
	b = append(append(b, method[:min(len(method), 16)]...), ' ')
	if path == "" {
		path = "/"
	}
	s := sight{of: &l.traits}
	for segments := 0; path != ""; segments++ {
		b = append(b, '/')
		if path[0] == '/' {
			path = path[1:]
		}
		end := 0
		for end < len(path) && path[end] != '/' {
			end++
		}
		if segments == maxSegments || len(b)+maxSegment > maxRoute {
			return append(b, "..."...)
		}
		b = s.segment(b, path[:end])
		path = path[end:]
	}
	return b
}

// maxSegment is how long a part of a path is in a route, in bytes.
const maxSegment = 32

// segment names one part of a path.
func (s *sight) segment(b []byte, text string) []byte {
	s.begin()
	figures := 0
	for i := 0; i < len(text) && i < maxScan; i++ {
		if s.add(text[i]); s.of[text[i]] == digits {
			figures++
		}
	}
	k := s.kind()
	switch {
	case k == None:
		return b
	case (k == Word || k == Slug && figures < 3) && len(text) <= maxSegment && s.seen&highs == 0:
		return append(b, text...)
	}
	names := kindNames()
	return append(append(append(b, '{'), names[k]...), '}')
}
