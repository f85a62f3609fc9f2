package web

import (
	"bytes"
	"time"

	"haechi"
	"haechi/internal/sensor/talk"
)

// httpTalk tells of each HTTP/1 request with the status of its answer, as requests; and
// as logins, of requests that carried credentials:
//
//   - Basic, Digest, NTLM (its third message) and Negotiate: 401, 403 and 407 are a
//     failure, 2xx, 3xx and 404 a success, which is told once a conversation and user. An
//     answer that only asks for a fresher digest is neither.
//   - A POST to a path that speaks of a login, answered 401 or 403: a failure. What a 200
//     or a redirect means there only the page knows, and a page that is loaded is no
//     attempt.
//
// Bodies are passed over unread, but for the first 4 KiB of what is posted to a Windows
// Remote Management service. Behind CONNECT, others listen.
//
// It reads leniently: what a server might accept. A request is told when the size of its
// answer is known, or at its end; one that was never answered has status 0.
type httpTalk struct {
	sides [2]httpSide
	asked []httpRequest // room for them: nearly always there is one at a time
	n     int
	// tunnel: the client asked for one, and what it says next is no request.
	tunnel bool
	// welcome are the users of whom a success was told.
	welcome [4]string
	winrm   bool // a call was told of
}

const (
	// httpAsked is how many requests may wait for their answers.
	httpAsked = 16
	httpHead  = 16 << 10
	// httpStreamed is after how many bytes of an answer of unknown size it is told.
	httpStreamed = 64 << 10
	// endless is the size of a body that ends with the connection.
	endless = int64(1) << 50
)

type httpState uint8

const (
	httpAtHead httpState = iota
	httpAtChunk
	httpAtTrailer
	httpAtPeek // a body of which the beginning is looked at
	httpLost   // bytes are missing: wait for what looks like a head
	httpToEnd  // a body that ends with the connection
)

type httpSide struct {
	state httpState
	body  int64 // bytes of the present chunked body so far, or to peek into
}

// httpRequest is a request that waits for its answer.
type httpRequest struct {
	at                 time.Time
	method, host, path string
	agent              string
	status             int
	in, out            int64
	login              httpLogin
	headers            haechi.Headers
	chunked            bool // its body is still coming
}

// httpMethods are those that a request may begin with.
func httpMethods() [22]string {
	return [...]string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE", "PROPFIND", "PROPPATCH", "MKCOL", "COPY", "MOVE",
		"LOCK", "UNLOCK", "REPORT", "SEARCH", "MERGE", "SUBSCRIBE", "NOTIFY", "PURGE"}
}

// matchHTTP: a known method and what can begin a target, or an answer.
func matchHTTP(_ *talk.Conversation, b []byte) (talk.Verdict, talk.Side) {
	if v := talk.Begins(b, "HTTP/1."); v != talk.No {
		return v, talk.FromServer
	}
	if b[0] < 'C' || b[0] > 'U' {
		return talk.No, talk.FromClient
	}
	open := talk.No
	for _, m := range httpMethods() {
		switch talk.Begins(b, m) {
		case talk.Unsure:
			open = talk.Unsure
		case talk.Yes:
			if v := matchTarget(b[len(m):], m == "CONNECT"); v != talk.No {
				return v, talk.FromClient
			}
		}
	}
	return open, talk.FromClient
}

// matchTarget looks at what follows a method.
func matchTarget(b []byte, connect bool) talk.Verdict {
	switch {
	case len(b) > 0 && b[0] != ' ':
		return talk.No
	case len(b) < 2:
		return talk.Unsure
	case b[1] == '/' || b[1] == '*' || connect && b[1] > ' ':
		return talk.Yes
	case b[1] == 'H':
		return talk.Begins(b[1:], "HTTP")
	}
	return talk.Begins(b[1:], "http")
}

func (h *httpTalk) Hear(c *talk.Conversation, from talk.Side, b []byte) int {
	s := &h.sides[from]
	switch s.state {
	case httpAtChunk:
		return h.chunk(c, from, b)
	case httpAtTrailer:
		return h.trailer(c, from, b)
	case httpAtPeek:
		return h.peek(c, b)
	case httpToEnd:
		return len(b)
	case httpLost:
		if v, speaks := matchHTTP(c, b); v != talk.Yes || speaks != from {
			return len(b)
		}
		s.state = httpAtHead
	}
	if from == talk.FromClient && h.tunnel {
		return 0
	}
	n := headSize(b)
	switch {
	case n > httpHead, n == 0 && len(b) > httpHead:
		c.Finish()
		return len(b)
	case n == 0:
		return 0
	case n < 0: // an empty line before a head
		return -n
	case from == talk.FromClient:
		h.request(c, b[:n])
	default:
		h.answer(c, b[:n])
	}
	return n
}

// headSize is the size of the head at the beginning of b with its empty line, 0 while it
// is incomplete, and minus the size of an empty line where no head begins.
func headSize(b []byte) int {
	if b[0] == '\n' {
		return -1
	}
	if b[0] == '\r' && len(b) > 1 {
		if b[1] == '\n' {
			return -2
		}
		return -1
	}
	for at := 0; ; {
		i := bytes.IndexByte(b[at:], '\n')
		if i < 0 {
			return 0
		}
		at += i + 1
		switch {
		case at < len(b) && b[at] == '\n':
			return at + 1
		case at+1 < len(b) && b[at] == '\r' && b[at+1] == '\n':
			return at + 2
		}
	}
}

// nextLine cuts the first line off, without its end.
func nextLine(b []byte) (line, rest []byte) {
	line, rest, _ = bytes.Cut(b, []byte("\n"))
	return bytes.TrimSuffix(line, []byte("\r")), rest
}

// request reads the head of a request.
func (h *httpTalk) request(c *talk.Conversation, head []byte) {
	line, rest := nextLine(head)
	method, target, ok := bytes.Cut(line, []byte(" "))
	target, version, ok2 := bytes.Cut(target, []byte(" "))
	if !ok || !ok2 || len(method) > 24 || !bytes.HasPrefix(version, []byte("HTTP/1.")) {
		c.Finish()
		return
	}
	if h.n == httpAsked {
		h.tellOne(c, 0)
	}
	if h.n == len(h.asked) {
		h.asked = append(h.asked, httpRequest{})
	}
	q := &h.asked[h.n]
	h.n++
	*q = httpRequest{at: c.Now(), method: talk.Text(method), in: int64(len(head)), headers: haechi.HeadersRead}
	f := q.fields(c, rest)
	q.target(target)
	if q.host == "" {
		q.host = hostOnly(f.host)
	}
	s := &h.sides[talk.FromClient]
	switch {
	case q.method == "CONNECT":
		h.tunnel = true
	case f.chunked:
		s.state, s.body, q.chunked = httpAtChunk, 0, true
	case f.length > 0 && q.method == "POST" && (q.path == "/wsman" || q.path == "/WSMan"):
		q.in += f.length
		s.state, s.body = httpAtPeek, f.length
		h.sealed(c, q, f.kind, target)
	case f.length > 0:
		q.in += f.length
		c.Pass(talk.FromClient, f.length)
	}
	if formLogin(q) {
		q.login.scheme = formScheme
	}
}

// target takes the target of a request apart.
func (q *httpRequest) target(t []byte) {
	if i := bytes.Index(t, []byte("://")); i > 0 && i < 6 && t[0] != '/' {
		t = t[i+3:]
		j := bytes.IndexAny(t, "/?")
		if j < 0 {
			j = len(t)
		}
		q.host = hostOnly(t[:j])
		if t = t[j:]; len(t) == 0 || t[0] != '/' {
			q.path = "/"
			return
		}
	} else if q.method == "CONNECT" {
		q.host = hostOnly(t)
		return
	}
	path, _, _ := bytes.Cut(t, []byte("?"))
	q.path = talk.Text(path)
}

// hostOnly is a host without its port.
func hostOnly(b []byte) string {
	if i := bytes.LastIndexByte(b, ':'); i >= 0 && bytes.IndexByte(b[i:], ']') < 0 {
		b = b[:i]
	}
	return talk.Text(bytes.Trim(b, "[]"))
}

// answer reads the head of an answer.
func (h *httpTalk) answer(c *talk.Conversation, head []byte) {
	line, rest := nextLine(head)
	status := statusOf(line)
	switch {
	case status == 0:
		c.Finish()
		return
	case status == 101: // what follows is another protocol
		h.answered(c, status, int64(len(head)), false)
		h.tellOne(c, 0)
		c.Finish()
		return
	case status < 200:
		return
	case h.n == 0: // the question was not seen
		h.body(c, answerFields(rest), status, "")
		return
	}
	method, fields := h.asked[0].method, answerFields(rest)
	h.answered(c, status, int64(len(head)), fields.stale)
	if method == "CONNECT" {
		h.tunnel = false
		h.tellOne(c, 0)
		if status < 300 {
			c.Become(nil)
			return
		}
	}
	h.body(c, fields, status, method)
}

// statusOf is the status in the first line of an answer, 0 if it is none.
func statusOf(line []byte) int {
	if len(line) < 12 || string(line[:7]) != "HTTP/1." || line[8] != ' ' {
		return 0
	}
	n := 0
	for _, d := range line[9:12] {
		if d < '0' || d > '9' {
			return 0
		}
		n = 10*n + int(d-'0')
	}
	if n < 100 {
		return 0
	}
	return n
}

// answered notes the status of the oldest request, and what it says about its login.
func (h *httpTalk) answered(c *talk.Conversation, status int, size int64, stale bool) {
	if h.n == 0 {
		return
	}
	q := &h.asked[0]
	q.status, q.out = status, size
	h.judge(c, q, stale)
}

// body passes over the body of an answer.
func (h *httpTalk) body(c *talk.Conversation, f httpFields, status int, method string) {
	s := &h.sides[talk.FromServer]
	size := int64(0)
	switch {
	case method == "HEAD" || status == 204 || status == 304 || method == "CONNECT" && status < 300:
	case f.chunked:
		s.state, s.body = httpAtChunk, 0
		return
	case f.length >= 0:
		size = f.length
	default:
		s.state, s.body = httpToEnd, 0
		c.Pass(talk.FromServer, endless)
		return
	}
	c.Pass(talk.FromServer, size)
	if h.n > 0 && h.asked[0].status != 0 {
		h.asked[0].out += size
		h.tellOne(c, 0)
	}
}

// chunk reads the line before a chunk and passes over the chunk.
func (h *httpTalk) chunk(c *talk.Conversation, from talk.Side, b []byte) int {
	s := &h.sides[from]
	i := bytes.IndexByte(b, '\n')
	if i < 0 && len(b) < 256 {
		return 0
	}
	n, ok := chunkSize(b[:max(i, 0)])
	if !ok || i >= 256 {
		c.Finish()
		return len(b)
	}
	if n == 0 {
		s.state = httpAtTrailer
		return i + 1
	}
	s.body += n
	c.Pass(from, n+2)
	if from == talk.FromServer && s.body > httpStreamed && h.n > 0 && h.asked[0].status != 0 {
		h.asked[0].out += s.body
		h.tellOne(c, 0)
	}
	return i + 1
}

// chunkSize reads the hexadecimal number that a chunk's line begins with.
func chunkSize(line []byte) (n int64, ok bool) {
	line = bytes.TrimLeft(line, " ")
	i := 0
	for ; i < len(line) && i < 12; i++ {
		d := bytes.IndexByte([]byte("0123456789abcdef"), line[i]|0x20)
		if line[i] < '0' || d < 0 {
			break
		}
		n = n<<4 | int64(d)
	}
	return n, i > 0
}

// trailer reads a line behind the last chunk; the empty one ends the body.
func (h *httpTalk) trailer(c *talk.Conversation, from talk.Side, b []byte) int {
	i := bytes.IndexByte(b, '\n')
	s := &h.sides[from]
	switch {
	case i < 0 && len(b) < httpHead:
		return 0
	case i < 0 || i >= httpHead:
		c.Finish()
		return len(b)
	case i > 1 || i == 1 && b[0] != '\r':
		return i + 1
	}
	s.state = httpAtHead
	if from == talk.FromServer && h.n > 0 && h.asked[0].status != 0 {
		h.asked[0].out += s.body
		h.tellOne(c, 0)
	}
	if from == talk.FromClient {
		for k := range h.asked[:h.n] {
			if q := &h.asked[k]; q.chunked {
				q.in, q.chunked = q.in+s.body, false
			}
		}
	}
	return i + 1
}

// tellOne tells of the request at that place and removes it.
func (h *httpTalk) tellOne(c *talk.Conversation, i int) {
	if i >= h.n {
		return
	}
	q := &h.asked[i]
	e := c.About(haechi.KindRequest)
	e.Method, e.Host, e.Path, e.UserAgent, e.Status = q.method, q.host, q.path, q.agent, q.status
	e.BytesIn, e.BytesOut, e.Headers = q.in, q.out, q.headers
	if q.status != 0 {
		e.Duration = max(0, c.Now().Sub(q.at))
		e.Outcome = haechi.Success
		if q.status >= 400 {
			e.Outcome = haechi.Failure
		}
	}
	c.Tell()
	copy(h.asked[i:], h.asked[i+1:h.n])
	h.n--
	h.asked[h.n] = httpRequest{}
}

func (h *httpTalk) Miss(c *talk.Conversation, from talk.Side) bool {
	h.sides[from].state = httpLost
	if from == talk.FromServer {
		for h.n > 0 { // which of them were answered is not known any more
			h.tellOne(c, 0)
		}
	}
	return !h.tunnel
}

func (h *httpTalk) End(c *talk.Conversation) {
	if h.sides[talk.FromServer].state == httpToEnd && h.n > 0 {
		h.asked[0].out += max(0, endless-c.Passing(talk.FromServer))
	}
	for h.n > 0 {
		h.tellOne(c, 0)
	}
}
