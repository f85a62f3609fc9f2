package config

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"haechi"
)

// compileProfile turns the raw shape into the dictionary's. It is asked only what
// has been decoded, and checks nothing.
func compileProfile(p *rawProfile) haechi.Profile {
	out := haechi.Profile{
		Name: p.Name, Event: string(p.Event),
		Framing: haechi.Framing{Kind: frameKind(p.Framing.Kind), Tail: expand(string(p.Framing.Tail.Characters)), TailEvents: p.Framing.Tail.Events,
			PrefixBytes: p.Framing.Bytes, LittleEndian: p.Framing.Endian == "little"},
		SameBot: texts(p.Identity.SameBot), SameDevice: texts(p.Identity.SameDevice), Require: equalsOf(p.Identity.Require),
		Auth: haechi.Auth{At: string(p.Auth.At), Handshake: p.Auth.Handshake, Exempt: p.Auth.Exempt},
		Sign: compileSigning(p), Keys: keySource(p.Keys.From), Sequence: string(p.Freshness.Sequence),
		Live: haechi.Liveness{Send: p.Liveness.Send, StampUnit: unitOf(p.Liveness.Stamp.Unit), StampLayout: p.Liveness.Stamp.Layout,
			StampOffset: int(p.Liveness.Stamp.Offset), Answers: p.Liveness.Answers, Echo: string(p.Liveness.Echo),
			EchoNonce: p.Liveness.EchoOf == "nonce", MustEcho: p.Liveness.MustEcho},
		Refusal:  haechi.Refusal{Send: p.Refusal.Send, After: after(p.Refusal.Then)},
		Messages: p.Messages.Events, Room: texts(p.Messages.Room),
	}
	for i := range p.Handshake {
		out.Handshakes = append(out.Handshakes, compileHandshake(&p.Handshake[i]))
	}
	for _, q := range p.Queries {
		out.Queries = append(out.Queries, haechi.Query{Event: q.Event, Where: equalsOf(q.Where)})
	}
	if p.Bind != nil {
		out.Bind = compileBind(p.Bind)
	}
	return out
}

func compileHandshake(h *rawHandshake) haechi.Handshake {
	below := func(path jsonPath) string {
		if h.At == "" || path == "" {
			return string(path)
		}
		return string(h.At) + "." + string(path)
	}
	out := haechi.Handshake{Equals: equalsOf(h.Equals), Exists: texts(h.Exists), Missing: texts(h.Missing), Foreign: texts(h.Foreign),
		Bot: below(h.Bot.path()), Device: below(h.Device), Version: below(h.Version), Client: below(h.Client)}
	if text, ok := strings.CutPrefix(string(h.Bot), "="); ok {
		out.BotLiteral = text
	}
	for _, name := range slices.Sorted(maps.Keys(h.Fields)) {
		f := h.Fields[name]
		out.Fields = append(out.Fields, haechi.Field{Path: below(jsonPath(name)), Max: f.Max, Pattern: f.Pattern, Required: f.Required})
	}
	return out
}

func compileSigning(p *rawProfile) haechi.Signing {
	scheme := &haechi.Scheme{Hash: hashOf(p.MAC.Algorithm), KeyForm: keyForm(p.MAC.Key), Encoding: encodingOf(p.MAC.Encoding), Prefix: p.MAC.Prefix,
		Unit: unitOf(p.Freshness.Unit), Layout: p.Freshness.Layout, Offset: int(p.Freshness.Offset),
		Past: time.Duration(p.Freshness.Past), Future: time.Duration(p.Freshness.Future), Strict: p.Freshness.Replay == "strict"}
	out := haechi.Signing{Signature: string(p.Auth.Signature), KeyID: string(p.Auth.KeyID), Timestamp: string(p.Freshness.Timestamp),
		Nonce: string(p.Freshness.Nonce), Scheme: scheme}
	c := partList{p: p}
	first := haechi.SignString{Delimiter: string(p.Sign.Delimiter), Ambiguous: p.Sign.InValue == "allow"}
	list := p.Sign.Parts
	if p.Sign.Order == "sorted" {
		list, first.Labels = sorted(list, string(p.Sign.Pair))
	}
	first.Order = c.indices(list)
	scheme.Strings = append(scheme.Strings, first)
	for _, name := range slices.Sorted(maps.Keys(p.Sign.Variants)) {
		v := p.Sign.Variants[name]
		scheme.Strings = append(scheme.Strings, haechi.SignString{Name: name, Order: c.indices(v.Parts), Delimiter: string(v.Delimiter), Ambiguous: first.Ambiguous})
	}
	out.Parts = c.parts
	scheme.Digest = c.digest()
	scheme.Large = slices.ContainsFunc(c.parts, func(p haechi.SignPart) bool { return p.Kind == haechi.PartRaw || p.Kind == haechi.PartBody })
	scheme.UUID, scheme.MAC, scheme.Addr = c.find(p.Keys.Who.UUID), c.find(p.Keys.Who.MAC), c.find(p.Keys.Who.Addr)
	scheme.Pin = c.find(p.Identity.Pin)
	return out
}

func compileBind(b *rawBind) *haechi.Signing {
	c := partList{p: &rawProfile{}}
	order := c.indices(b.Parts)
	return &haechi.Signing{Signature: string(b.Signature), KeyID: string(b.KeyID), Timestamp: string(b.Timestamp), Nonce: string(b.Nonce), Parts: c.parts,
		Scheme: &haechi.Scheme{Strings: []haechi.SignString{{Order: order, Delimiter: string(b.Delimiter)}}, Strict: true,
			Digest: c.digest(), UUID: -1, MAC: -1, Addr: -1, Pin: -1}}
}

// partList collects the distinct parts of all orders.
type partList struct {
	p     *rawProfile
	parts []haechi.SignPart
}

func (c *partList) add(part haechi.SignPart) int {
	if i := slices.Index(c.parts, part); i >= 0 {
		return i
	}
	c.parts = append(c.parts, part)
	return len(c.parts) - 1
}

func (c *partList) indices(list []signPart) (order []int) {
	for _, p := range list {
		if p == "@salt" {
			order = append(order, haechi.SaltPart)
			continue
		}
		order = append(order, c.add(c.part(p)))
	}
	return order
}

func (c *partList) part(p signPart) haechi.SignPart {
	path := p.path()
	switch {
	case path != "":
		return haechi.SignPart{Text: string(path), Optional: slices.Contains(c.p.Sign.Optional, path)}
	case p == "@body" || p == "@body_sha256":
		kind := haechi.PartBody
		if p == "@body_sha256" {
			kind = haechi.PartBodySHA256
		}
		return haechi.SignPart{Kind: kind, Text: string(c.p.Sign.Body)}
	case p == "@raw":
		return haechi.SignPart{Kind: haechi.PartRaw}
	case p == "@frame_sha256":
		return haechi.SignPart{Kind: haechi.PartFrameSHA256}
	case p == "@remote_ip":
		return haechi.SignPart{Kind: haechi.PartRemoteIP}
	case p == "@device":
		return haechi.SignPart{Kind: haechi.PartDevice}
	}
	return haechi.SignPart{Kind: haechi.PartLiteral, Text: strings.TrimPrefix(string(p), "=")}
}

// sorted puts paths in the byte order of their last names, which label the values;
// the salt, if there is one, comes last.
func sorted(list []signPart, pair string) (out []signPart, labels []string) {
	name := func(p signPart) string { return string(p[strings.LastIndexByte(string(p), '.')+1:]) }
	for _, p := range list {
		if p.path() != "" {
			out = append(out, p)
		}
	}
	slices.SortStableFunc(out, func(a, b signPart) int { return strings.Compare(name(a), name(b)) })
	for _, p := range out {
		labels = append(labels, name(p)+pair)
	}
	if slices.Contains(list, "@salt") {
		out, labels = append(out, "@salt"), append(labels, "")
	}
	return out, labels
}

func (c *partList) digest() int {
	return slices.IndexFunc(c.parts, func(p haechi.SignPart) bool { return p.Kind == haechi.PartFrameSHA256 })
}

func (c *partList) find(path jsonPath) int {
	return slices.IndexFunc(c.parts, func(p haechi.SignPart) bool {
		return path != "" && p.Kind == haechi.PartField && p.Text == string(path)
	})
}

func texts[T ~string](list []T) (out []string) {
	for _, x := range list {
		out = append(out, string(x))
	}
	return out
}

// bare are the texts of a profile that stand for another value of JSON; in quotes of
// their own they stand for themselves.
var bare = regexp.MustCompile(`^(-?(0|[1-9][0-9]{0,15})|true|false)$`)

func equalsOf(m map[string]string) (out []haechi.Equal) {
	for _, path := range slices.Sorted(maps.Keys(m)) {
		e := haechi.Equal{Path: path, Text: m[path], Bare: bare.MatchString(m[path])}
		if t, ok := strings.CutPrefix(e.Text, `"`); ok {
			e.Text = strings.TrimSuffix(t, `"`)
		}
		out = append(out, e)
	}
	return out
}
