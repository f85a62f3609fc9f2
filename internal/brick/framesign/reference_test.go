package framesign_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The plain reading of docs/signature.md, slow and without this package: it makes
// the vectors, and the package is held against it.

// zeros stands where a signature will stand.
const zeros = "0000000000000000000000000000000000000000000000000000000000000000"

// refText is the text to sign for a frame whose signature is zeros.
func refText(kid, device, dir, nonce, ts, event, frame string) string {
	sum := sha256.Sum256([]byte(frame))
	return strings.Join([]string{"haechi-sign/1", kid, device, dir, nonce, ts, event, hex.EncodeToString(sum[:])}, "\n")
}

func refMAC(secret, text string) string {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(text))
	return hex.EncodeToString(h.Sum(nil))
}

// refSign replaces the one run of zeros in the frame by the signature.
func refSign(secret, kid, device, dir, nonce, ts, event, frame string) string {
	if strings.Count(frame, zeros) != 1 {
		panic("the frame has no place for a signature: " + frame)
	}
	return strings.Replace(frame, zeros, refMAC(secret, refText(kid, device, dir, nonce, ts, event, frame)), 1)
}

var (
	errRef    = errors.New("refused")
	refHex    = regexp.MustCompile(`^"[0-9a-f]{64}"$`)
	refSeq    = regexp.MustCompile(`^[1-9][0-9]{0,15}$`)
	refStamp  = regexp.MustCompile(`^[0-9]{13}$`)
	refSigned = []string{"v", "kid", "device", "dir", "seq", "ts", "event", "body", "sig"}
)

// refVerify judges a signed-lines frame with encoding/json and says what it signs.
func refVerify(secret string, frame []byte) (text string, err error) {
	if !utf8.Valid(frame) || bytes.ContainsAny(frame, "\r\n\x00") {
		return "", errRef
	}
	top, at, err := refTop(frame)
	if err != nil {
		return "", err
	}
	kid, device, dir, event := refPlain(top["kid"]), refPlain(top["device"]), refPlain(top["dir"]), refPlain(top["event"])
	seq, ts, sig := string(top["seq"]), string(top["ts"]), string(top["sig"])
	switch {
	case string(top["v"]) != "1", kid == "", device == "", event == "", dir != "up" && dir != "down",
		strings.Contains(device, "/"), utf8.RuneCountInString(device) > 100,
		!refSeq.MatchString(seq), len(seq) == 16 && seq > "9007199254740991",
		!refStamp.MatchString(ts), !refHex.MatchString(sig):
		return "", errRef
	}
	blanked := bytes.Clone(frame)
	copy(blanked[at+1:], zeros)
	text = refText(kid, device, dir, seq, ts, event, string(blanked))
	if len(text) > 4096 || !hmac.Equal([]byte(refMAC(secret, text)), []byte(sig[1:65])) {
		return text, errRef
	}
	return text, nil
}

// refPlain is the text of a JSON string that may be signed, else "".
func refPlain(raw json.RawMessage) string {
	var s string
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil || strings.ContainsFunc(s, unicode.IsControl) {
		return ""
	}
	return s
}

// refTop decodes the members of the top object and finds where sig's value begins.
func refTop(frame []byte) (top map[string]json.RawMessage, at int, err error) {
	d := json.NewDecoder(bytes.NewReader(frame))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, 0, errRef
	}
	top = map[string]json.RawMessage{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, 0, errRef
		}
		var v json.RawMessage
		if err := d.Decode(&v); err != nil || top[name.(string)] != nil {
			return nil, 0, errRef
		}
		top[name.(string)] = v
		if name == "sig" {
			at = int(d.InputOffset()) - len(v)
		}
	}
	if t, err := d.Token(); err != nil || t != json.Delim('}') || int(d.InputOffset()) != len(frame) {
		return nil, 0, errRef
	}
	for name := range top {
		for _, known := range refSigned {
			if name != known && strings.EqualFold(name, known) {
				return nil, 0, fmt.Errorf("%w: %s", errRef, name)
			}
		}
	}
	return top, at, nil
}
