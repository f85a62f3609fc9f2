package seal

import (
	"bytes"
	"encoding/json"

	"haechi"
	"haechi/internal/brick/framesign"
)

// Key is what a key file holds.
type Key struct {
	ID     string // empty: not said
	Device string // the device's key as the registry has it; empty: not said
	Secret haechi.Secret
	Salt   haechi.Secret // nil: not said; an enrolment code has an empty one
}

// ParseKey reads a key file: what haechi devices key DEVICE --json prints, an enrolment
// code, or the secret alone. Errors show nothing of the file.
func ParseKey(file []byte) (Key, error) {
	text := bytes.TrimSpace(file)
	if len(text) == 0 || bytes.ContainsAny(text, "\x00") {
		return Key{}, &haechi.Error{Kind: haechi.Invalid, Op: "read the key file", Msg: "it holds no key"}
	}
	if text[0] != '{' {
		if bytes.ContainsAny(text, "\r\n") {
			return Key{}, &haechi.Error{Kind: haechi.Invalid, Op: "read the key file", Msg: "a secret is one line",
				Hint: "use what haechi devices key DEVICE --json printed"}
		}
		if id, ok := framesign.CodeID(string(text)); ok {
			return Key{ID: id, Secret: bytes.Clone(text), Salt: haechi.Secret{}}, nil
		}
		return Key{Secret: bytes.Clone(text)}, nil
	}
	var k haechi.NewKey
	if err := json.Unmarshal(text, &k); err != nil || k.Secret == "" { // the error would quote the file
		return Key{}, &haechi.Error{Kind: haechi.Invalid, Op: "read the key file", Msg: "it is no key",
			Hint: "use what haechi devices key DEVICE --json printed"}
	}
	return Key{ID: k.ID, Device: k.Device, Secret: haechi.Secret(k.Secret), Salt: haechi.Secret(k.Salt)}, nil
}
