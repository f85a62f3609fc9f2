package seal

import (
	"crypto/subtle"
	"time"

	"haechi"
	"haechi/internal/brick/framesign"
	"haechi/internal/brick/strictjson"
)

// Verdict is what became of one frame.
type Verdict struct {
	OK bool `json:"ok"`
	// Check is the first check that failed: frame, version, field, nonce, time, form,
	// direction, device, key, signature, older, or unbound.
	Check  string    `json:"check,omitempty"`
	Event  string    `json:"event,omitempty"`
	Device string    `json:"device,omitempty"`
	KeyID  string    `json:"key_id,omitempty"`
	Nonce  string    `json:"nonce,omitempty"`
	Signed time.Time `json:"signed,omitzero"`
	// Bound says that the signature covers the whole frame.
	Bound bool `json:"bound"`
	// Text is what was signed.
	Text string `json:"text,omitempty"`
}

// Judge verifies frames with one key.
type Judge struct {
	key       Key
	profile   string
	direction framesign.Direction
	bound     bool
	mac       *framesign.MAC
	reader    *framesign.Reader
	older     *strictjson.Scanner
}

// NewJudge returns a judge. bound wants the second signature of every messengerbot
// frame.
func NewJudge(key Key, opt Options, bound bool) (*Judge, error) {
	s, err := NewSigner(key, opt)
	if err != nil {
		return nil, err
	}
	paths, err := strictjson.Compile("data.auth.clientType", "data.auth.botName", "data.auth.deviceUUID", "data.auth.macAddress",
		"data.auth.ipAddress", "data.auth.timestamp", "data.auth.signature", "data.auth.bind", "data.auth.deviceID", "event")
	if err != nil {
		return nil, err
	}
	return &Judge{key: s.key, profile: opt.Profile, direction: opt.Direction, bound: bound, mac: s.mac, reader: s.reader,
		older: strictjson.New(paths, strictjson.Limits{})}, nil
}

// The slots of the older signature; the first six are signed in this order.
const (
	slotStamp  = 5
	slotOlder  = 6
	slotBind   = 7
	slotSerial = 8
	slotEvent  = 9
)

// Judge judges one frame without its line end.
func (j *Judge) Judge(frame []byte) Verdict {
	if j.profile != Bot {
		return j.whole(frame)
	}
	if _, fault := j.older.Scan(frame); fault != strictjson.OK {
		return Verdict{Check: framesign.BadFrame.Check()}
	}
	defer j.older.Reset()
	if j.older.Value(slotBind).Kind == strictjson.Missing {
		return j.unbound()
	}
	v := j.whole(frame)
	if v.OK && !j.fits() {
		v.OK, v.Check = false, "older"
	}
	return v
}

// whole judges the signature that covers everything.
func (j *Judge) whole(frame []byte) (v Verdict) {
	f, fault := j.reader.Read(frame)
	if fault != framesign.OK {
		return Verdict{Check: fault.Check()}
	}
	v = Verdict{Event: string(f.Event), Device: string(f.Device), KeyID: string(f.KeyID), Nonce: string(f.Nonce),
		Signed: time.UnixMilli(f.Millis).UTC(), Bound: true}
	text, fault := j.mac.Canonical(&f.Text, frame, f.At)
	v.Text = string(text)
	want := j.key.Device
	if j.profile != Bot {
		want = name(want)
	}
	switch {
	case f.Direction != j.direction:
		v.Check = "direction"
	case want != "" && want != v.Device:
		v.Check = "device"
	case j.key.ID != "" && j.key.ID != v.KeyID:
		v.Check = "key"
	case fault != framesign.OK:
		v.Check = fault.Check()
	default:
		v.Check = j.mac.Verify(&f.Text, frame, f.At).Check()
	}
	v.OK = v.Check == ""
	return v
}

// unbound judges a frame that has the older signature only.
func (j *Judge) unbound() (v Verdict) {
	var text []byte
	bot, serial := j.older.Value(1).Text(&text), j.older.Value(slotSerial).Text(&text)
	v = Verdict{Event: string(j.older.Value(slotEvent).Text(&text)), Device: haechi.DeviceKey(string(bot), string(serial)), KeyID: j.key.ID}
	stamp := j.older.Value(slotStamp)
	ms, err := ParseMillis(string(stamp.Raw))
	switch {
	case j.bound:
		v.Check = "unbound"
	case stamp.Kind != strictjson.Number || err != nil:
		v.Check = framesign.BadTime.Check()
	case j.key.Device != "" && j.key.Device != v.Device:
		v.Check = "device"
	case !j.fits():
		v.Check = "older"
	}
	if err == nil {
		v.Signed = time.UnixMilli(ms).UTC()
	}
	v.OK = v.Check == ""
	return v
}

// fits tells whether the older signature of the scanned frame is right.
func (j *Judge) fits() bool {
	var text []byte
	var fields [slotOlder][]byte
	for i := range fields {
		v := j.older.Value(i)
		if v.Kind != strictjson.String && i != slotStamp && (i < 3 || v.Kind != strictjson.Missing) {
			return false
		}
		fields[i] = v.Text(&text)
	}
	got := j.older.Value(slotOlder)
	want, fault := j.mac.Legacy(j.key.Salt, fields[:]...)
	return fault == framesign.OK && got.Kind == strictjson.String && subtle.ConstantTimeCompare([]byte(want), got.Text(&text)) == 1
}
