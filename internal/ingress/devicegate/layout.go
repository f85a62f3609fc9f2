package devicegate

import (
	"errors"
	"fmt"
	"regexp"
	"slices"

	"haechi"
	"haechi/internal/brick/strictjson"
)

// layout is a profile with its paths as slots of the scanner. It is shared by all
// connections of a gate and never changes. A slot below 0 is a path that the
// profile does not have.
type layout struct {
	*haechi.Profile
	paths *strictjson.Paths
	event int
	// auth is where the proof is looked for: an object, or the signature itself.
	auth           int
	authKind       strictjson.Kind
	shapes         []shape
	sign           signing
	bind           *signing
	sameBot        []int
	sameDev        []int
	require        []equal
	room           []int
	echo, sequence int
	names          []string // of events, as far as the profile knows them
	tail           [256]bool
	exempt         []string
	queries        []query
	ping, refusal  template
}

// signing is one signature of a frame.
type signing struct {
	scheme                             *haechi.Scheme
	signature, keyID, timestamp, nonce int
	parts                              []part
	hex                                bool // the signature is written in 64 hexadecimal digits
}

type part struct {
	kind     haechi.PartKind
	slot     int
	optional bool
	number   bool // its value is digits
	text     []byte
}

type equal struct {
	slot int
	text string
	bare bool
}

type query struct {
	event string
	where []equal
}

// shape is one form of handshake.
type shape struct {
	equals                   []equal
	exists, missing, foreign []int
	bot                      int
	literal                  string // the bot's name, if the frame has none
	device, version, client  int
	fields                   []bound
}

type bound struct {
	slot, max int
	required  bool
	pattern   *regexp.Regexp // nil: any text
}

// compile checks what the gate itself needs of a profile; what a person can get
// wrong is found where the file is read, with its line.
func compile(cfg *Config) (*layout, error) {
	p := cfg.Profile
	if p == nil || len(p.Handshakes) == 0 || p.Sign.Scheme == nil || len(p.Sign.Parts) > haechi.MaxClaimParts {
		return nil, errors.New("no usable profile")
	}
	paths := p.Paths()
	slot := func(path string) int { return slices.Index(paths, path) }
	l := &layout{Profile: p, event: slot(p.Event), auth: slot(p.Auth.At), authKind: strictjson.Object,
		sameBot: slots(slot, p.SameBot), sameDev: slots(slot, p.SameDevice), room: slots(slot, p.Room), require: equals(slot, p.Require),
		echo: slot(p.Live.Echo), sequence: slot(p.Sequence), exempt: slices.Concat(p.Auth.Exempt, cfg.Exempt)}
	if l.auth < 0 {
		l.auth, l.authKind = slot(p.Sign.Signature), strictjson.String
	}
	l.sign = compileSigning(&p.Sign, p.Sequence, slot)
	if p.Bind != nil && cfg.Binding != haechi.BindOff {
		b := compileSigning(p.Bind, p.Sequence, slot)
		l.bind = &b
	}
	if cfg.Binding != haechi.BindOff && p.Bind == nil && p.Sign.Scheme.Digest < 0 {
		return nil, fmt.Errorf("profile %s has no second signature (bind), so the service cannot ask for one", p.Name)
	}
	for i := range p.Handshakes {
		sh, err := compileShape(&p.Handshakes[i], slot)
		if err != nil {
			return nil, err
		}
		l.shapes = append(l.shapes, sh)
	}
	for _, c := range []byte(p.Framing.Tail) {
		l.tail[c] = true
	}
	for _, q := range p.Queries {
		l.queries = append(l.queries, query{q.Event, equals(slot, q.Where)})
		l.names = append(l.names, q.Event)
	}
	l.names = slices.Concat(p.Messages, p.Live.Answers, l.names, p.Framing.TailEvents, l.exempt)
	l.ping, l.refusal = parse(p.Live.Send, "bot", "device", "stamp", "nonce"), parse(p.Refusal.Send, "code", "text", "reference")
	var err error
	l.paths, err = strictjson.Compile(paths...)
	return l, err
}

func compileSigning(s *haechi.Signing, sequence string, slot func(string) int) signing {
	out := signing{scheme: s.Scheme, signature: slot(s.Signature), keyID: slot(s.KeyID), timestamp: slot(s.Timestamp), nonce: slot(s.Nonce),
		hex: s.Scheme.Hash == haechi.SHA256 && s.Scheme.Encoding <= haechi.HexAny && s.Scheme.Prefix == ""}
	for _, p := range s.Parts {
		out.parts = append(out.parts, part{kind: p.Kind, slot: slot(p.Text), optional: p.Optional, text: []byte(p.Text),
			number: p.Kind == haechi.PartField && (p.Text == s.Timestamp && s.Scheme.Unit != haechi.Layout || p.Text == sequence)})
	}
	return out
}

func compileShape(h *haechi.Handshake, slot func(string) int) (shape, error) {
	out := shape{equals: equals(slot, h.Equals), exists: slots(slot, h.Exists), missing: slots(slot, h.Missing), foreign: slots(slot, h.Foreign),
		bot: slot(h.Bot), literal: h.BotLiteral, device: slot(h.Device), version: slot(h.Version), client: slot(h.Client)}
	for _, f := range h.Fields {
		b := bound{slot: slot(f.Path), max: f.Max, required: f.Required}
		if f.Pattern != "" {
			var err error
			if b.pattern, err = regexp.Compile(f.Pattern); err != nil {
				return out, fmt.Errorf("pattern of %s: %w", f.Path, err)
			}
		}
		out.fields = append(out.fields, b)
	}
	return out, nil
}

func slots(slot func(string) int, paths []string) (out []int) {
	for _, p := range paths {
		out = append(out, slot(p))
	}
	return out
}

func equals(slot func(string) int, list []haechi.Equal) (out []equal) {
	for _, e := range list {
		out = append(out, equal{slot(e.Path), e.Text, e.Bare})
	}
	return out
}

func among(list []string, name string) bool {
	for _, x := range list {
		if x == name {
			return true
		}
	}
	return false
}

// known returns the profile's own copy of an event name, or "other".
func (l *layout) known(name []byte) string {
	for _, n := range l.names {
		if n == string(name) {
			return n
		}
	}
	return "other"
}

// at is the value in a slot; there is none in a slot that the profile does not have.
func (w *Work) at(slot int) strictjson.Span {
	if slot < 0 {
		return strictjson.Span{}
	}
	return w.scan.Value(slot)
}

// reads reports whether a value reads so.
func (w *Work) reads(e *equal) bool {
	v := w.at(e.slot)
	if e.bare {
		return v.Kind != strictjson.String && string(v.Raw) == e.text
	}
	return v.Kind == strictjson.String && string(v.Text(&w.text)) == e.text
}

func (w *Work) readsAll(list []equal) bool {
	for i := range list {
		if !w.reads(&list[i]) {
			return false
		}
	}
	return true
}

// fits reports whether the scanned frame is a handshake of this form.
func (sh *shape) fits(w *Work) bool {
	if !w.readsAll(sh.equals) {
		return false
	}
	for _, slot := range sh.exists {
		if w.at(slot).Kind == strictjson.Missing {
			return false
		}
	}
	for _, slot := range sh.missing {
		if w.at(slot).Kind != strictjson.Missing {
			return false
		}
	}
	return true
}
