package framesign

import "strconv"

// Auth is data.auth of a messengerbot frame before it is signed.
type Auth struct {
	ClientType, Bot, DeviceID, UUID, MAC, Addr, Version string
	Millis                                              int64 // Unix milliseconds, thirteen digits
	// KeyID and Nonce belong to the second signature; empty KeyID: only the older one.
	KeyID, Nonce string
}

// Older is the older signature, over who and when.
func (m *MAC) Older(salt []byte, a *Auth) (string, Fault) {
	return m.Legacy(salt, []byte(a.ClientType), []byte(a.Bot), []byte(a.UUID), []byte(a.MAC), []byte(a.Addr), strconv.AppendInt(nil, a.Millis, 10))
}

// AppendBot appends a messengerbot frame, without a line end: data, an object
// without white space, with auth as its last member, and the text behind it. older is
// the older signature; zeros stand for the second. What it makes is only as good as
// what it is given: read it with a [Reader] before signing it.
func AppendBot(dst []byte, event string, data []byte, a *Auth, older string, tail []byte) []byte {
	dst = appendText(append(dst, `{"event":`...), event)
	dst = append(append(dst, `,"data":`...), data[:len(data)-1]...)
	if len(data) > len("{}") {
		dst = append(dst, ',')
	}
	dst = append(dst, `"auth":{`...)
	for i, m := range [...]struct{ name, text string }{{"clientType", a.ClientType}, {"botName", a.Bot}, {"deviceUUID", a.UUID},
		{"deviceID", a.DeviceID}, {"macAddress", a.MAC}, {"ipAddress", a.Addr}} {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendMember(dst, m.name, m.text)
	}
	dst = strconv.AppendInt(append(dst, `,"timestamp":`...), a.Millis, 10)
	dst = appendMember(append(dst, ','), "version", a.Version)
	dst = appendMember(append(dst, ','), "signature", older)
	if a.KeyID != "" {
		dst = appendMember(append(dst, ','), "keyId", a.KeyID)
		dst = appendMember(append(dst, ','), "nonce", a.Nonce)
		dst = appendMember(append(dst, ','), "bind", blank)
	}
	return append(append(dst, `}}}`...), tail...)
}

func appendMember(dst []byte, name, text string) []byte {
	return appendText(append(append(append(dst, '"'), name...), `":`...), text)
}
