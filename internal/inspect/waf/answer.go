package waf

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"io"
	"strings"
	"sync/atomic"
	"time"

	"haechi"
)

// DefaultAnswerThreshold is the Core Rule Set's own for answers: one rule of severity
// error.
const DefaultAnswerThreshold = 4

// AnswerPolicy is how strictly a service's answers are judged. The paranoia level is that
// of the requests.
type AnswerPolicy struct {
	Mode      haechi.Mode
	Threshold int // 0 means DefaultAnswerThreshold
	MaxBody   int // bytes of a body that are judged, 0 means DefaultAnswerBody
	// Engine makes or finds the engine of a ruleset; nil means NewAnswers.
	Engine func(Ruleset) (AnswerEngine, error)
}

// answers is an AnswerPolicy made ready.
type answers struct {
	mode      haechi.Mode
	threshold int
	maxBody   int
	engine    AnswerEngine
}

type answerCounts struct {
	judged, hit, denied, shadowed, coded, failed atomic.Uint64
}

func (p AnswerPolicy) ready(r Ruleset, paranoia int) (*answers, error) {
	if p.Mode != haechi.Shadow && p.Mode != haechi.Enforce {
		return nil, nil
	}
	if p.Threshold == 0 {
		p.Threshold = DefaultAnswerThreshold
	}
	if p.MaxBody == 0 {
		p.MaxBody = DefaultAnswerBody
	}
	if p.Engine == nil {
		p.Engine = func(r Ruleset) (AnswerEngine, error) { return NewAnswers(r, true) }
	}
	r.Paranoia = max(paranoia, 1)
	engine, err := p.Engine(r)
	return &answers{p.Mode, p.Threshold, p.MaxBody, engine}, err
}

// WantsAnswer is how much of the body of the answer to a request is judged, in bytes, and
// whether the answer is to be held until it was; 0 means that it is not judged.
func (w *Waf) WantsAnswer(r *haechi.Request) (most int, hold bool) {
	s := w.services[r.Service]
	if s == nil {
		return 0, false
	}
	a := s.of(r.Path).answers
	if a == nil {
		return 0, false
	}
	return a.maxBody, a.mode == haechi.Enforce
}

// InspectAnswer judges the answer to a request. The verdict has the hits, also where it
// passes or is in shadow. It is about the server behind, and about nobody who asked.
func (w *Waf) InspectAnswer(r *haechi.Request, a *haechi.Answer, now time.Time) haechi.Verdict {
	s := w.services[r.Service]
	if s == nil {
		return haechi.Verdict{}
	}
	p := s.of(r.Path).answers
	if p == nil {
		return haechi.Verdict{}
	}
	w.answered.judged.Add(1)
	k := w.scratch.Get().(*work)
	defer func() {
		k.reset()
		w.scratch.Put(k)
	}()
	v := w.judgeAnswer(k, s, p, r, a, now)
	if v.Action == haechi.Pass {
		return v
	}
	v.Shadow = p.mode == haechi.Shadow
	v.Ref = haechi.NewReference(v.Rule+"/"+r.Service+r.Path+string(k.found()), r.Actor.Client.String(), now)
	if v.Shadow {
		w.answered.shadowed.Add(1)
	} else {
		w.answered.denied.Add(1)
	}
	return v
}

func (w *Waf) judgeAnswer(k *work, s *service, p *answers, r *haechi.Request, a *haechi.Answer, now time.Time) haechi.Verdict {
	k.fill(r)
	view := AnswerView{Asked: k.view, Status: a.Status}
	coding := ""
	if a.Headers != nil {
		for name, value := range a.Headers {
			view.Headers = append(view.Headers, Field{name, value})
			if name == "Content-Encoding" {
				coding = strings.Trim(coding+", "+strings.ToLower(value), ", ")
			}
		}
	}
	var ok bool
	if view.Body, ok = k.plainAnswer(a.Body, coding, p.maxBody); !ok {
		w.answered.coded.Add(1)
	} else if coding != "" {
		view.Headers = withoutCoding(view.Headers) // the rules take a body that has one for unreadable
	}
	if err := p.engine.JudgeAnswer(&view, &k.out); err != nil {
		w.answered.failed.Add(1)
		if s.open {
			return haechi.Verdict{}
		}
		return deny(RuleError, haechi.ReasonInternal)
	}
	if len(k.out.Hits) == 0 {
		return haechi.Verdict{}
	}
	w.answered.hit.Add(1)
	h := haechi.Hits{Score: k.out.Score, Threshold: p.threshold, List: k.out.Hits}
	h.Except(w.exceptions(), r.Service, r.Path, now)
	h.Sort()
	v := w.verdict(&h)
	if v.Action != haechi.Pass {
		v.Reason = haechi.ReasonLeak
	}
	return v
}

func withoutCoding(all []Field) []Field {
	out := all[:0]
	for _, f := range all {
		if f.Name != "Content-Encoding" {
			out = append(out, f)
		}
	}
	return out
}

// plainAnswer decodes as much of a body as is judged; it reports false where that cannot
// be done, and then there is no body. What was cut ends somewhere, which is no fault.
func (k *work) plainAnswer(body []byte, coding string, most int) ([]byte, bool) {
	var rd io.Reader
	var err error
	switch coding {
	case "", "identity":
		return body[:min(len(body), most)], true
	case "gzip", "x-gzip":
		rd, err = gzip.NewReader(bytes.NewReader(body))
	case "deflate":
		rd, err = zlib.NewReader(bytes.NewReader(body))
	default:
		return nil, len(body) == 0
	}
	if err != nil {
		return nil, len(body) == 0
	}
	_, err = io.CopyN(&k.body, rd, int64(most))
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, false
	}
	return k.body.Bytes(), true
}

func (w *Waf) answerCounters() []haechi.Counter {
	c := &w.answered
	return []haechi.Counter{
		{Name: "waf_answers_judged", Value: c.judged.Load()},
		{Name: "waf_answers_hit", Value: c.hit.Load()},
		{Name: "waf_answers_denied", Value: c.denied.Load()},
		{Name: "waf_answers_shadowed", Value: c.shadowed.Load()},
		{Name: "waf_answers_coded", Value: c.coded.Load()},
		{Name: "waf_answers_failed", Value: c.failed.Load()},
	}
}
