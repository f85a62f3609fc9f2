package config

import (
	"maps"
	"regexp"
	"slices"
	"time"

	"haechi"
	"haechi/internal/brick/strictjson"
)

// maxIdentity bounds a bot's name and a device's id, in characters: they are kept, shown
// and stored.
const maxIdentity = 255

// profileValidator looks at what a profile's values mean, and together.
type profileValidator struct {
	validator
	p *rawProfile
}

// missing reports a key that has to be there.
func (v *profileValidator) missing(key, hint string) { v.wrongAt(key, hint, "%s is missing", key) }

func (v *profileValidator) profile() {
	p := v.p
	if !serviceName.MatchString(p.Name) {
		v.wrongAt("name", "use small letters, digits and dashes, at most 32, a letter first", "%s is no name for a profile", quoted(p.Name))
	}
	v.framing(&p.Framing)
	if len(p.Handshake) == 0 {
		v.missing("handshake", "say at least one way in which a device introduces itself")
	}
	for i := range p.Handshake {
		v.handshake(index("handshake", i), &p.Handshake[i])
	}
	v.equals("identity.require", p.Identity.Require)
	if pin := p.Identity.Pin; pin != "" && !slices.Contains(p.Sign.Parts, signPart(pin)) {
		v.wrongAt("identity.pin", "write a path that is among sign.parts", "%s is not signed, so anybody could claim it", pin)
	}
	if p.Auth.Signature == "" {
		v.missing("auth.signature", "write the path of the signature")
	}
	v.events("auth.exempt", p.Auth.Exempt)
	v.sign()
	v.mac(&p.MAC)
	v.freshness(&p.Freshness)
	v.claimant(&p.Keys)
	if p.Bind != nil {
		v.bind(p.Bind)
	}
	v.liveness(&p.Liveness)
	v.template("refusal.send", p.Refusal.Send, refusalHoles())
	v.events("messages.events", p.Messages.Events)
	for i, q := range p.Queries {
		v.events(index("queries", i), []string{q.Event})
		v.equals(index("queries", i)+".where", q.Where)
	}
	v.paths()
}

func (v *profileValidator) framing(f *rawFraming) {
	tail := f.Kind == "line+tail"
	if tail && (f.Tail.Characters == "" || len(f.Tail.Events) == 0) {
		v.wrongAt("framing.tail", "add characters: and events:", "framing.tail does not say what a tail is and which events may have one")
	}
	if !tail && (v.written("framing.tail.characters") || v.written("framing.tail.events")) {
		v.wrongAt("framing.tail", "write kind: line+tail, or leave the tail out", "a tail is for framing of kind line+tail")
	}
	v.events("framing.tail.events", f.Tail.Events)
	switch prefixed := f.Kind == "length-prefixed"; {
	case prefixed && f.Bytes != 2 && f.Bytes != 4:
		v.wrongAt("framing.bytes", "write bytes: 2 or bytes: 4", "framing.bytes is the size of the length before a frame")
	case !prefixed && f.Bytes != 0:
		v.wrongAt("framing.bytes", "leave it out, or write kind: length-prefixed", "framing.bytes is for framing of kind length-prefixed")
	}
}

func (v *profileValidator) handshake(key string, h *rawHandshake) {
	if len(h.Equals)+len(h.Exists) == 0 {
		v.wrongAt(key, "add equals: or exists:, for example equals: {event: hello}", "%s does not say how it is told from another frame", key)
	}
	v.equals(key+".equals", h.Equals)
	if h.Device == "" {
		v.missing(key+".device", "write where the device's id is, below at:")
	}
	if h.Bot == "" || h.Bot[0] == '@' {
		v.wrongAt(key+".bot", `write where the bot's name is, below at:, or "=name" for a name of your own`, "%s.bot names no bot", key)
	}
	for _, path := range []jsonPath{h.Bot.path(), h.Device} {
		f, ok := h.Fields[string(path)]
		if ok && f.Max > maxIdentity {
			v.wrongAt(join(key+".fields", string(path)), "write at most 255", "%s is the device's identity, and may be too long", path)
		}
		if path != "" && (!ok || !f.Required) {
			v.wrongAt(key+".fields", "add "+string(path)+": {max: 100, required: true}", "%s.fields does not bound %s, which is the device's identity", key, path)
		}
	}
	for _, path := range []jsonPath{h.Version, h.Client} {
		if _, ok := h.Fields[string(path)]; path != "" && !ok {
			v.wrongAt(key+".fields", "add "+string(path)+": {max: 20}", "%s.fields does not bound %s", key, path)
		}
	}
	v.fields(key+".fields", h.Fields)
}

func (v *profileValidator) fields(key string, fields map[string]rawBound) {
	if len(fields) > 16 {
		v.wrongAt(key, "", "%s has %d fields; at most 16 are possible", key, len(fields))
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		f, at := fields[name], join(key, name)
		if !isJSONPath(name) {
			v.wrongAt(at, pathHint, "%s is no path in a frame", quoted(name))
		}
		if f.Max == 0 {
			v.missing(at+".max", "write the largest length in characters")
		}
		if _, err := regexp.Compile(f.Pattern); err != nil || len(f.Pattern) > 200 {
			v.wrongAt(at+".pattern", "write a regular expression (RE2) of at most 200 bytes, for example ^[0-9a-f]{16}$", "%s.pattern is no regular expression", at)
		}
	}
}

// equals checks a map of paths and texts.
func (v *profileValidator) equals(key string, m map[string]string) {
	if len(m) > 8 {
		v.wrongAt(key, "", "%s has %d entries; at most 8 are possible", key, len(m))
	}
	for _, path := range slices.Sorted(maps.Keys(m)) {
		if !isJSONPath(path) {
			v.wrongAt(join(key, path), pathHint, "%s is no path in a frame", quoted(path))
		}
	}
}

// events checks event names.
func (v *profileValidator) events(key string, list []string) {
	for i, name := range list {
		if name == "" || len(name) > 64 {
			v.wrongAt(index(key, i), "write the name as the frame has it, at most 64 bytes", "%s is no name of an event", quoted(name))
		}
	}
}

// fieldParts are the paths among the parts, the variants' included.
func (v *profileValidator) fieldParts() []jsonPath {
	var out []jsonPath
	for _, list := range v.allParts() {
		for _, p := range list {
			if path := p.path(); path != "" && !slices.Contains(out, path) {
				out = append(out, path)
			}
		}
	}
	return out
}

func (v *profileValidator) allParts() [][]signPart {
	all := [][]signPart{v.p.Sign.Parts}
	for _, name := range slices.Sorted(maps.Keys(v.p.Sign.Variants)) {
		all = append(all, v.p.Sign.Variants[name].Parts)
	}
	return all
}

func (v *profileValidator) sign() {
	s := &v.p.Sign
	v.parts("sign.parts", s.Parts)
	v.joined("sign.delimiter", s.Delimiter)
	if len(s.Variants) > 4 {
		v.wrongAt("sign.variants", "", "sign.variants has %d entries; at most 4 are possible", len(s.Variants))
	}
	for _, name := range slices.Sorted(maps.Keys(s.Variants)) {
		key := join("sign.variants", name)
		if !className.MatchString(name) {
			v.wrongAt(key, "use small letters, digits, dashes and underscores, at most 32, a letter first", "%s is no name for a variant", quoted(name))
		}
		v.parts(key+".parts", s.Variants[name].Parts)
		v.joined(key+".delimiter", s.Variants[name].Delimiter)
	}
	sorted := s.Order == "sorted"
	if sorted && (slices.ContainsFunc(s.Parts, func(p signPart) bool { return p.path() == "" && p != "@salt" }) || len(s.Variants) > 0) {
		v.wrongAt("sign.order", "list paths only; the salt comes last", "sorted parts are pairs of a name and its value")
	}
	if !sorted && s.Pair != "" {
		v.wrongAt("sign.pair", "write order: sorted, or leave it out", "sign.pair stands between the names and values of sorted parts")
	}
	if n := len(compileSigning(v.p).Parts); n > haechi.MaxClaimParts {
		v.wrongAt("sign.parts", "", "%d texts are signed; at most %d are possible", n, haechi.MaxClaimParts)
	}
	for i, path := range s.Optional {
		if !slices.Contains(v.fieldParts(), path) {
			v.wrongAt(index("sign.optional", i), "write a path that is among sign.parts", "%s is not signed", path)
		}
	}
}

// parts checks one list of parts.
func (v *profileValidator) parts(key string, list []signPart) {
	if !slices.ContainsFunc(list, func(p signPart) bool { return p.path() != "" }) {
		v.wrongAt(key, "list the signed fields in their order", "%s signs nothing of the frame", key)
	}
	for i, p := range list {
		at := index(key, i)
		switch {
		case p == "@raw" && v.p.Framing.Kind != "line+tail":
			v.wrongAt(at, "write framing: {kind: line+tail}, or leave it out", "@raw is the tail, which this framing does not have")
		case (p == "@body" || p == "@body_sha256") && v.p.Sign.Body == "":
			v.wrongAt(at, "add sign.body: with the path of the body", "%s: it is not said what the body is", p)
		case slices.Contains(list[:i], p) && p != "" && p[0] != '=':
			v.wrongAt(at, "leave one of them out", "%s is signed twice", p)
		}
	}
}

// joined wants a delimiter, unless somebody says that there is none.
func (v *profileValidator) joined(key string, d delimiter) {
	if d == "" && v.p.Sign.InValue != "allow" {
		v.wrongAt(key, "write the delimiter; if there is none, add delimiter_in_value: allow", "without a delimiter, ab with c signs like a with bc")
	}
}

func (v *profileValidator) mac(m *rawMAC) {
	if (m.Algorithm == "hmac-sha1" || m.Algorithm == "hmac-md5") && !m.Weak {
		v.wrongAt("mac.algorithm", "use hmac-sha256, or add allow_weak: true for a device that cannot", "%s is weak", m.Algorithm)
	}
	if len(m.Prefix) > 16 {
		v.wrongAt("mac.prefix", "", "mac.prefix has %d bytes; at most 16 are possible", len(m.Prefix))
	}
}

func (v *profileValidator) freshness(f *rawFreshness) {
	if f.Timestamp == "" {
		v.missing("freshness.timestamp", "write the path of the time in a frame; without one, what is captured could be sent for ever")
	}
	v.moment("freshness", f.Unit, f.Layout, f.Offset)
	for _, x := range []struct {
		key  string
		path jsonPath
	}{{"timestamp", f.Timestamp}, {"nonce", f.Nonce}, {"sequence", f.Sequence}} {
		v.signed("freshness."+x.key, x.path, v.allParts()...)
	}
}

// signed wants a path in each list of parts: what is not signed can be replaced.
func (v *profileValidator) signed(key string, path jsonPath, lists ...[]signPart) {
	for _, list := range lists {
		covered := slices.Contains(list, "@frame_sha256") || slices.Contains(list, signPart(path))
		if path != "" && !covered {
			v.wrongAt(key, "add it to the parts that are signed", "%s is not signed, so anybody could change it", path)
			return
		}
	}
}

func (v *profileValidator) moment(key, unit, layout string, off offset) {
	if unit != "layout" {
		if layout != "" || off != 0 {
			v.wrongAt(key+".layout", "write unit: layout, or leave layout and offset out", "%s.layout is for unit: layout", key)
		}
		return
	}
	at := time.Date(2026, 11, 30, 23, 58, 57, 0, time.UTC)
	back, err := time.Parse(layout, at.Format(layout))
	if err != nil || !back.Equal(at) {
		v.wrongAt(key+".layout", "write the moment 2 January 2006, 15:04:05 as the device would, for example 2006-01-02 15:04:05.000", "%s.layout does not write a time to the second", key)
	}
}

func (v *profileValidator) claimant(k *rawKeys) {
	for _, x := range []struct {
		key  string
		path jsonPath
	}{{"uuid", k.Who.UUID}, {"mac", k.Who.MAC}, {"ip", k.Who.Addr}} {
		key := "keys.allowed_devices." + x.key
		if x.path == "" {
			continue
		}
		if k.From == "device" {
			v.wrongAt(key, "write keys.from: bot or global", "%s is for keys of a file", key)
		}
		if !slices.Contains(v.p.Sign.Parts, signPart(x.path)) {
			v.wrongAt(key, "write a path that is among sign.parts", "%s is not signed, so anybody could claim it", x.path)
		}
	}
}

func (v *profileValidator) bind(b *rawBind) {
	v.parts("bind.parts", b.Parts)
	if !slices.Contains(b.Parts, "@frame_sha256") {
		v.wrongAt("bind.parts", `add "@frame_sha256"`, "bind.parts does not cover the frame")
	}
	if b.Signature == "" || b.Signature == v.p.Auth.Signature {
		v.wrongAt("bind.signature", "write the path of the second signature", "bind.signature is missing, or the first signature itself")
	}
	if b.Timestamp == "" {
		v.missing("bind.timestamp", "write the path of the time in a frame")
	}
	if b.Delimiter == "" || slices.Contains(b.Parts, "@salt") {
		v.wrongAt("bind", "", "bind has a delimiter, and no salt")
	}
	v.signed("bind.timestamp", b.Timestamp, b.Parts)
	v.signed("bind.nonce", b.Nonce, b.Parts)
}

// paths wants all paths of the profile to fit into one scanner.
func (v *profileValidator) paths() {
	if len(v.problems) > 0 {
		return
	}
	p := compileProfile(v.p)
	if _, err := strictjson.Compile(p.Paths()...); err != nil {
		v.wrongAt("event", "use fewer", "the profile names too many paths: %s", err)
	}
}
