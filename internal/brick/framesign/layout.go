package framesign

// Layout says where the signed values lie in a frame: dotted member names from the
// top. It is data, as a profile is.
type Layout struct {
	Name string
	// Version is the path of a number that must be 1; empty: none.
	Version string
	KeyID   string
	// Device are the parts of the device's key, joined by "/". The last may hold
	// no "/", so that the joint tells them apart, and at most 100 characters.
	Device []string
	// Direction is the path of "up" or "down"; empty: every frame goes up.
	Direction string
	// Nonce is a text of 16 to 64 letters, digits, "_" and "-"; or, if Counter,
	// a number from 1 to 2^53-1, the sequence.
	Nonce     string
	Counter   bool
	Timestamp string
	Event     string
	Body      string // what the frame carries; empty: not asked for
	Signature string
	// Tails are the events whose object may be followed by base64 text.
	Tails []string
}

// SignedLines is the layout of the signed-lines profile.
func SignedLines() Layout {
	return Layout{Name: "signed-lines", Version: "v", KeyID: "kid", Device: []string{"device"}, Direction: "dir",
		Nonce: "seq", Counter: true, Timestamp: "ts", Event: "event", Body: "body", Signature: "sig"}
}

// Binding is the layout of the step up for messengerbot: beside the older signature
// in data.auth, one that binds everything.
func Binding() Layout {
	return Layout{Name: "messengerbot", KeyID: "data.auth.keyId", Device: []string{"data.auth.botName", "data.auth.deviceID"},
		Nonce: "data.auth.nonce", Timestamp: "data.auth.timestamp", Event: "event", Body: "data",
		Signature: "data.auth.bind", Tails: []string{"message"}}
}
