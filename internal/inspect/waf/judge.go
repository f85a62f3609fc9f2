package waf

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"haechi"
)

// maxKept bounds the memory that one worker keeps between requests, in bytes.
const maxKept = 256 << 10

// work is what judging one request needs; it is used again.
type work struct {
	view View
	out  Result
	body bytes.Buffer
}

// reset forgets the request.
func (k *work) reset() {
	clear(k.view.Headers)
	clear(k.out.Hits)
	k.view = View{Headers: k.view.Headers[:0]}
	k.out.Reset()
	if k.body.Reset(); k.body.Cap() > maxKept {
		k.body = bytes.Buffer{}
	}
}

// found is which rules matched which variables and what they scored: refusals that share a
// reference, and with it a row of the records, share that.
func (k *work) found() (b []byte) {
	for i := range k.out.Hits {
		h := &k.out.Hits[i]
		b = fmt.Appendf(b, " %d,%d,%s", h.Rule, h.Score, h.Where)
	}
	return b
}

func deny(rule string, reason haechi.Reason) haechi.Verdict {
	return haechi.Verdict{Action: haechi.Deny, Rule: rule, Reason: reason}
}

func (w *Waf) inspect(k *work, s *service, p *policy, r *haechi.Request, now time.Time) haechi.Verdict {
	encoding, types := k.fill(r)
	if types > 1 {
		return deny(RuleContentType, haechi.ReasonMalformed)
	}
	cut, err := k.read(s, r, encoding)
	if err != nil {
		return deny(RuleEncoding, haechi.ReasonEncoding)
	}
	if cut && !s.partial {
		w.counts.oversized.Add(1)
		v := deny(RuleBody, haechi.ReasonOversize)
		v.Observed, v.Threshold = float64(max(r.Size, int64(s.maxBody)+1)), float64(s.maxBody)
		return v
	}
	if err := p.engine.Judge(&k.view, &k.out); err != nil {
		w.counts.failed.Add(1)
		if s.open {
			return haechi.Verdict{}
		}
		return deny(RuleError, haechi.ReasonInternal)
	}
	w.weighContext(k, s, r, now)
	return w.weigh(&k.out, s, p.threshold, r, now)
}

// weigh applies exceptions and threshold to what was found.
func (w *Waf) weigh(out *Result, s *service, threshold int, r *haechi.Request, now time.Time) haechi.Verdict {
	if len(out.Hits) == 0 {
		return haechi.Verdict{}
	}
	w.counts.hit.Add(1)
	h := haechi.Hits{Score: out.Score, Threshold: threshold, List: out.Hits}
	h.Except(w.exceptions(), r.Service, r.Path, now)
	charge(&h, s)
	h.Sort()
	return w.verdict(&h)
}

func (w *Waf) verdict(h *haechi.Hits) haechi.Verdict {
	v := haechi.Verdict{Hits: h.String()}
	score, _ := h.Counts()
	if score != h.Score {
		w.counts.excepted.Add(1)
	}
	if h.Refuse() {
		v.Action, v.Reason, v.Observed, v.Threshold = haechi.Deny, haechi.ReasonWAF, float64(score), float64(h.Threshold)
		v.Rule = "waf/" + strconv.Itoa(strongest(h))
	}
	return v
}

// strongest is the rule of the first hit that counts.
func strongest(h *haechi.Hits) int {
	for i := range h.List {
		if !h.List[i].Excepted {
			return h.List[i].Rule
		}
	}
	return 0
}

// fill makes the view without the body. It says how the body is encoded and how many
// content types the request claims.
func (k *work) fill(r *haechi.Request) (encoding string, types int) {
	v := &k.view
	v.Client, v.Method, v.Target, v.Protocol, v.Host = r.Actor.Addr, r.Method, r.Target, r.Protocol, r.Host
	v.Headers = append(v.Headers, Field{"Host", r.Host})
	if r.Size < 0 && strings.HasPrefix(r.Protocol, "HTTP/1") {
		v.Headers = append(v.Headers, Field{"Transfer-Encoding", "chunked"}) // the parser took it away
	}
	if r.Headers == nil {
		return "", 0
	}
	for name, value := range r.Headers {
		v.Headers = append(v.Headers, Field{name, value})
		switch name {
		case "Content-Type":
			types++
		case "Content-Encoding":
			encoding = strings.Trim(encoding+", "+value, ", ")
		}
	}
	return strings.ToLower(encoding), types
}

// read puts the body into the view, decoded where that is wanted, and says whether
// there is more than was read.
func (k *work) read(s *service, r *haechi.Request, encoding string) (cut bool, err error) {
	if r.Body == nil {
		return false, nil
	}
	if encoding == "" || encoding == "identity" {
		if held, ok := r.Body.(interface{ Bytes() []byte }); ok {
			k.view.Body = held.Bytes()
		} else if _, err := io.CopyN(&k.body, r.Body, int64(s.maxBody)+1); err != nil && err != io.EOF {
			return false, err
		} else {
			k.view.Body = k.body.Bytes()
		}
		return k.clip(s, r.Cut), nil
	}
	if !s.inflate {
		return false, errEncoding
	}
	return k.inflate(s, r, encoding)
}

func (k *work) clip(s *service, cut bool) bool {
	if len(k.view.Body) > s.maxBody {
		k.view.Body, cut = k.view.Body[:s.maxBody], true
	}
	return cut
}

const errEncoding = encodingError("the body is compressed in a way that is not decoded")

type encodingError string

func (e encodingError) Error() string { return string(e) }

// inflate decodes up to the limit, so a bomb costs no more than that. A compressed body
// that was itself cut is refused.
func (k *work) inflate(s *service, r *haechi.Request, encoding string) (cut bool, err error) {
	if r.Cut {
		return false, errEncoding
	}
	var rd io.Reader
	switch encoding {
	case "gzip", "x-gzip":
		rd, err = gzip.NewReader(r.Body)
	case "deflate":
		rd, err = zlib.NewReader(r.Body)
	default:
		return false, errEncoding
	}
	if err != nil {
		return false, err
	}
	_, err = io.CopyN(&k.body, rd, int64(s.maxBody)+1)
	if err != nil && err != io.EOF {
		return false, err
	}
	k.view.Body = k.body.Bytes()
	return k.clip(s, false), nil
}
