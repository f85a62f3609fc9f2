package devicegate

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"time"

	"haechi"
	"haechi/internal/brick/strictjson"
)

// proven checks the signatures of a scanned frame whose form is in order. If not ok,
// the frame goes no further, as [Machine.verify] says.
func (m *Machine) proven(w *Work, body, tail []byte, live bool, now time.Time) (a Action, ok bool) {
	l := m.gate.layout
	reason := m.gather(w, &l.sign, &w.claim, body, tail)
	w.claim.Live, w.claim.Bound, w.claim.Keys = live, nil, m.offered()
	if reason == "" {
		reason = m.second(w, body, tail)
	}
	seq, plain := uint64(0), true
	if l.sequence >= 0 {
		seq, plain = number(w.at(l.sequence))
	}
	if reason == "" && !plain {
		reason = haechi.ReasonMalformed
	}
	if reason != "" {
		m.refuse(refusal{reason: reason, kind: kindOf(reason)}, now)
		return Action{}, false
	}
	proof := m.gate.deps.Prover.Prove(&w.claim, now)
	switch {
	case proof.Reason != "":
		m.refuse(disproved(&proof), now)
		return Action{}, false
	case proof.Duplicate:
		m.gate.duplicates.Add(1)
		e := m.event(w, haechi.KindMessage, haechi.Success, now)
		e.Reason = haechi.ReasonDuplicateFrame
		return Action{Op: OpNote, Event: e}, false
	case m.pinned(w, now) != "":
		m.refuse(refusal{reason: haechi.ReasonIdentity, kind: haechi.KindAuth, hold: true}, now)
		return Action{}, false
	case l.sequence >= 0 && !m.follows(seq):
		m.refuse(refusal{reason: haechi.ReasonReplay, kind: haechi.KindAuth, observed: float64(seq), threshold: float64(m.seq + 1)}, now)
		return Action{}, false
	}
	m.brought(proof.KeyID)
	m.bound = m.bound || w.claim.Bound != nil
	return Action{}, true
}

// disproved is the refusal of a claim that the prover refuses. What a changed key or list
// may mend is held.
func disproved(p *haechi.Proof) refusal {
	r := refusal{reason: p.Reason, kind: haechi.KindAuth, observed: p.Observed, threshold: p.Threshold}
	switch p.Reason {
	case haechi.ReasonHMACFailed, haechi.ReasonNoKey, haechi.ReasonUnauthorized:
		r.hold = true
	case haechi.ReasonMalformed:
		r.kind = haechi.KindMessage
	}
	return r
}

// follows reports whether a number rises above those before it. The proof overtakes
// the early frames, so it counts only once they have been delivered.
func (m *Machine) follows(seq uint64) bool {
	if seq <= m.seq {
		return false
	}
	if m.state == proving {
		m.proofSeq = seq
	} else {
		m.seq = seq
	}
	return true
}

// maxSequence is the largest number that every language holds exactly.
const maxSequence = 1<<53 - 1

// number reads a sequence number: plain digits, from 1.
func number(v strictjson.Span) (n uint64, ok bool) {
	if v.Kind != strictjson.Number || len(v.Raw) > 16 || v.Raw[0] == '0' {
		return 0, false
	}
	for _, c := range v.Raw {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, n <= maxSequence
}

// second gathers the signature that covers the whole frame, where the service wants
// one. A device that has begun to send it cannot leave it out again.
func (m *Machine) second(w *Work, body, tail []byte) haechi.Reason {
	l := m.gate.layout
	if l.bind == nil {
		return ""
	}
	if w.at(l.bind.signature).Kind == strictjson.Missing {
		if m.bound || m.gate.cfg.Binding == haechi.BindRequire {
			return haechi.ReasonAuthMissing
		}
		return ""
	}
	w.claim.Bound = &w.bound
	return m.gather(w, l.bind, &w.bound, body, tail)
}

// gather collects what the device signed, for one of its signatures. Whether a part
// could be read as two, the prover knows, since it may depend on the key.
func (m *Machine) gather(w *Work, s *signing, c *haechi.Claim, body, tail []byte) haechi.Reason {
	c.Device, c.Session, c.Frame, c.Scheme, c.N = m.key, m.session, body, s.scheme, len(s.parts)
	stamp, sig := w.at(s.timestamp), w.at(s.signature)
	switch {
	case sig.Kind != strictjson.String || len(sig.Raw) == 0 || stamp.Kind == strictjson.Missing:
		return haechi.ReasonAuthMissing
	case !wellTimed(s.scheme.Unit, stamp):
		return haechi.ReasonTimestamp
	}
	c.Timestamp, c.Signature, c.KeyID = stamp.Text(&w.text), sig.Text(&w.text), nil
	if s.keyID >= 0 {
		id := w.at(s.keyID)
		if c.KeyID = id.Text(&w.text); id.Kind != strictjson.String || len(id.Raw) == 0 {
			return haechi.ReasonAuthMissing
		}
	}
	if s.nonce >= 0 && !isNonce(w.at(s.nonce)) {
		return haechi.ReasonMalformed
	}
	for i := range s.parts {
		p := &s.parts[i]
		text, reason := m.part(w, s, p, body, tail)
		switch {
		case reason != "":
			return reason
		case len(text) == 0 && !p.optional && p.kind != haechi.PartRaw:
			return haechi.ReasonAuthMissing
		}
		c.Parts[i] = text
	}
	return ""
}

// part is the text of one signed part.
func (m *Machine) part(w *Work, s *signing, p *part, body, tail []byte) ([]byte, haechi.Reason) {
	switch p.kind {
	case haechi.PartField:
		v := w.at(p.slot)
		switch {
		case v.Kind == strictjson.String, v.Kind == strictjson.Number && p.number, v.Kind == strictjson.Missing && p.optional:
			return v.Text(&w.text), ""
		case v.Kind == strictjson.Missing:
			return nil, haechi.ReasonAuthMissing
		}
		return nil, haechi.ReasonMalformed
	case haechi.PartLiteral:
		return p.text, ""
	case haechi.PartRaw:
		return tail, ""
	case haechi.PartBody:
		return w.at(p.slot).Raw, ""
	case haechi.PartBodySHA256:
		if w.at(p.slot).Kind == strictjson.Missing {
			return nil, haechi.ReasonAuthMissing
		}
		return w.digest(w.at(p.slot).Raw, nil, nil), ""
	case haechi.PartFrameSHA256:
		return m.frameHash(w, s, body)
	case haechi.PartRemoteIP:
		return w.append(m.actor.Addr.AppendTo), ""
	}
	return w.append(func(b []byte) []byte { return append(b, m.key...) }), ""
}

// frameHash hashes the frame with every character of the signature replaced by 0.
func (m *Machine) frameHash(w *Work, s *signing, body []byte) ([]byte, haechi.Reason) {
	sig := w.at(s.signature)
	if sig.Escaped || s.hex && len(sig.Raw) != 2*sha256.Size || len(sig.Raw) > len(zeros) {
		return nil, haechi.ReasonMalformed
	}
	at := int(sig.At)
	return w.digest(body[:at], w.zeros[:len(sig.Raw)], body[at+len(sig.Raw):]), ""
}

// zeros stand for a signature while it is hashed; the longest is that of SHA-512 in
// hexadecimal, with a prefix.
const zeros = "000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"

// digest is the SHA-256 of the three in lower-case hex.
func (w *Work) digest(a, b, c []byte) []byte {
	w.hash.Reset()
	_, _ = w.hash.Write(a) // a hash takes everything
	_, _ = w.hash.Write(b)
	_, _ = w.hash.Write(c)
	w.hash.Sum(w.sum[:0])
	at := len(w.text)
	w.text = hex.AppendEncode(w.text, w.sum[:])
	return w.text[at:len(w.text):len(w.text)]
}

// append puts a text into the working memory.
func (w *Work) append(add func([]byte) []byte) []byte {
	at := len(w.text)
	w.text = add(w.text)
	return w.text[at:len(w.text):len(w.text)]
}

// hasher is the memory for hashing a frame.
type hasher struct {
	hash  hash.Hash
	sum   [sha256.Size]byte
	zeros []byte
}

func newHasher() hasher { return hasher{hash: sha256.New(), zeros: []byte(zeros)} }

// wellTimed accepts a timestamp in exact digits, or as a text where it has a layout:
// any other spelling of the number would sign differently in another language.
func wellTimed(u haechi.Unit, v strictjson.Span) bool {
	want := 13
	switch u {
	case haechi.Layout:
		return v.Kind == strictjson.String && len(v.Raw) > 0 && len(v.Raw) <= 64
	case haechi.Seconds:
		want = 10
	}
	if v.Kind != strictjson.Number || len(v.Raw) != want {
		return false
	}
	for _, c := range v.Raw {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// isNonce accepts 16 to 64 letters, digits, dashes and underscores.
func isNonce(v strictjson.Span) bool {
	if v.Kind != strictjson.String || v.Escaped || len(v.Raw) < 16 || len(v.Raw) > 64 {
		return false
	}
	for _, c := range v.Raw {
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '_':
		default:
			return false
		}
	}
	return true
}
