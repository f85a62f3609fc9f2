package signature

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"

	"haechi"
)

// delimiter joins the signed fields. It is not escaped in the protocol, so a
// field that contains it is refused: "a|b"+"c" and "a"+"b|c" would sign alike.
const delimiter = '|'

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
	h.Write(signString(nil, k.Salt, parts))
	return hex.EncodeToString(h.Sum(nil))
}

// signString appends the string to sign to dst.
func signString(dst, salt []byte, parts [][]byte) []byte {
	for _, p := range parts {
		dst = append(dst, p...)
		dst = append(dst, delimiter)
	}
	return append(dst, salt...)
}
