package signature

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"

	"haechi"
)

// plain is the scheme of a claim that names none: that of [Sign].
func plain() *haechi.Scheme {
	return &haechi.Scheme{Strings: []haechi.SignString{{Delimiter: "|"}}, Digest: -1, UUID: -1, MAC: -1, Addr: -1}
}

// Sign returns the signature of the parts: HMAC-SHA256 in lower-case hex over
//
//	parts[0]|parts[1]|…|salt
//
// For the messengerbot profile the parts are clientType, botName, deviceUUID,
// macAddress, ipAddress and timestamp, in that order, and the timestamp is Unix
// milliseconds in decimal digits. The text bytes of Key.Secret are the HMAC key
// and those of Key.Salt the last field, as in the client scripts.
func Sign(k *haechi.Key, parts ...[]byte) string {
	h := hmac.New(sha256.New, k.Secret)
	h.Write(signString(nil, k.Salt, &plain().Strings[0], parts))
	return hex.EncodeToString(h.Sum(nil))
}

// signString appends the string to sign to dst.
func signString(dst, salt []byte, s *haechi.SignString, parts [][]byte) []byte {
	if len(s.Order) == 0 {
		for _, p := range parts {
			dst = append(dst, p...)
			dst = append(dst, s.Delimiter...)
		}
		return append(dst, salt...)
	}
	for i, at := range s.Order {
		if i > 0 {
			dst = append(dst, s.Delimiter...)
		}
		if i < len(s.Labels) {
			dst = append(dst, s.Labels[i]...)
		}
		if at == haechi.SaltPart {
			dst = append(dst, salt...)
		} else {
			dst = append(dst, parts[at]...)
		}
	}
	return dst
}
