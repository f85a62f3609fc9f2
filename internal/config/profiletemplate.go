package config

import (
	"regexp"
	"slices"
	"strings"

	"haechi"
	"haechi/internal/brick/strictjson"
)

// hole is a placeholder of a template.
var hole = regexp.MustCompile(`\{([a-z_]+)\}`)

const maxTemplate = 2048 // bytes

func livenessHoles() []string { return []string{"bot", "device", "stamp", "nonce"} }
func refusalHoles() []string  { return []string{"code", "text", "reference"} }

// template wants a frame of the gate's own to be one JSON object with known holes.
func (v *profileValidator) template(key, text string, holes []string) {
	if text == "" {
		return
	}
	if len(text) > maxTemplate {
		v.wrongAt(key, "", "%s has %d bytes; at most %d are possible", key, len(text), maxTemplate)
		return
	}
	for _, m := range hole.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(holes, m[1]) {
			v.wrongAt(key, "these are filled in: {"+strings.Join(holes, "} {")+"}", "%s: nothing is known as {%s}", key, m[1])
			return
		}
	}
	none, err := strictjson.Compile()
	if err != nil {
		v.wrongAt(key, "", "%s cannot be checked", key)
		return
	}
	// Texts have to stand within quotes; a time that is written in digits need not.
	sample := hole.ReplaceAllStringFunc(text, func(h string) string {
		if h == "{stamp}" && v.p.Liveness.Stamp.Unit != "layout" {
			return "1"
		}
		return "x"
	})
	if end, f := strictjson.New(none, strictjson.Limits{}).Scan([]byte(sample)); f != strictjson.OK || end != len(sample) {
		v.wrongAt(key, `write one JSON object, texts in quotes: {"event":"ping","data":{"bot":"{bot}"}}`, "%s is no JSON object: %s", key, f)
	}
}

func (v *profileValidator) liveness(l *rawLiveness) {
	v.template("liveness.send", l.Send, livenessHoles())
	v.moment("liveness.stamp", l.Stamp.Unit, l.Stamp.Layout, l.Stamp.Offset)
	v.events("liveness.answers", l.Answers)
	switch {
	case l.Send == "" && !v.p.Auth.Handshake:
		v.missing("liveness.send", "write the frame to which a device answers; only a signed handshake (auth.in_handshake) is a proof by itself")
	case l.Send != "" && len(l.Answers) == 0:
		v.missing("liveness.answers", "name the events that answer it")
	case l.Send == "" && (len(l.Answers) > 0 || l.Echo != "" || l.MustEcho):
		v.wrongAt("liveness", "add send:", "liveness waits for the answer to nothing")
	case l.MustEcho && l.Echo == "":
		v.missing("liveness.echo", "write the path by which the answer returns what was sent")
	case l.Echo != "" && !strings.Contains(l.Send, "{"+l.EchoOf+"}"):
		v.wrongAt("liveness.echo_of", "put {"+l.EchoOf+"} into liveness.send", "liveness.send has no {%s} that could be returned", l.EchoOf)
	}
}

// The words of the file and what they stand for, in the order of the dictionary.

func wordOf[T ~uint8](text string, words ...string) T {
	return T(max(slices.Index(words, text), 0))
}

func frameKind(t string) haechi.FrameKind {
	return wordOf[haechi.FrameKind](t, "line", "line+tail", "length-prefixed", "json-stream")
}
func hashOf(t string) haechi.Hash {
	return wordOf[haechi.Hash](t, "hmac-sha256", "hmac-sha512", "hmac-sha1", "hmac-md5")
}
func encodingOf(t string) haechi.Encoding {
	return wordOf[haechi.Encoding](t, "hex-lower", "hex", "base64", "base64url")
}
func keyForm(t string) haechi.KeyForm { return wordOf[haechi.KeyForm](t, "utf8", "hex", "base64") }
func unitOf(t string) haechi.Unit     { return wordOf[haechi.Unit](t, "ms", "s", "layout") }
func keySource(t string) haechi.KeySource {
	return wordOf[haechi.KeySource](t, "device", "bot", "global")
}
func after(t string) haechi.After {
	return wordOf[haechi.After](t, "by-reason", "close", "hold", "silence")
}
