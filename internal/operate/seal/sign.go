package seal

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"haechi"
	"haechi/internal/brick/framesign"
)

// The profiles.
const (
	Lines = "signed-lines"
	Bot   = "messengerbot"
)

// Options are what a frame does not say itself. Zero values take what the frame, then
// the key file, then habit says.
type Options struct {
	Profile   string
	KeyID     string
	Device    string
	Direction framesign.Direction
	Seq       uint64 // of the first frame; further ones count on
	Nonce     string // messengerbot; empty: random
	Millis    int64  // Unix milliseconds; 0: now
	OlderOnly bool   // messengerbot: without the signature that binds
}

// Signer signs one frame after the other.
type Signer struct {
	key    Key
	opt    Options
	mac    *framesign.MAC
	reader *framesign.Reader
	seq    uint64
}

// Signed is a signed frame, without its line end, and what was signed.
type Signed struct {
	Frame string `json:"frame"`
	Text  string `json:"text,omitempty"` // what was signed; none of an older signature
}

// NewSigner returns a signer. It fails if the key lacks what the profile needs.
func NewSigner(key Key, opt Options) (*Signer, error) {
	key.ID = cmp.Or(opt.KeyID, key.ID)
	key.Device = cmp.Or(opt.Device, key.Device)
	layout := framesign.SignedLines()
	if opt.Profile == Bot {
		layout = framesign.Binding()
	}
	if opt.Profile == Bot && key.Salt == nil {
		return nil, &haechi.Error{Kind: haechi.Invalid, Op: "sign", Msg: "the older signature needs a salt, and the key file has none",
			Hint: "use what haechi devices key DEVICE --json printed"}
	}
	r, err := framesign.NewReader(layout)
	if err != nil {
		return nil, err
	}
	return &Signer{key: key, opt: opt, mac: framesign.NewMAC(key.Secret), reader: r, seq: max(opt.Seq, 1)}, nil
}

// Sign signs one frame. A frame that has 64 digits where its signature stands is
// signed as it is; to another one, what is missing is added.
func (s *Signer) Sign(line []byte, now time.Time) (Signed, error) {
	frame := bytes.Clone(line)
	f, fault := s.reader.Read(frame)
	if fault != framesign.OK {
		var err error
		if frame, err = s.complete(line, now); err != nil {
			return Signed{}, err
		}
		if s.opt.Profile == Bot && s.opt.OlderOnly {
			return Signed{Frame: string(frame)}, nil
		}
		if f, fault = s.reader.Read(frame); fault != framesign.OK {
			return Signed{}, refused(fault)
		}
	}
	text, fault := s.mac.Canonical(&f.Text, frame, f.At)
	if fault != framesign.OK {
		return Signed{}, refused(fault)
	}
	out := Signed{Text: string(text)}
	if fault := s.mac.Sign(&f.Text, frame, f.At); fault != framesign.OK {
		return Signed{}, refused(fault)
	}
	out.Frame = string(frame)
	return out, nil
}

func refused(f framesign.Fault) error {
	return &haechi.Error{Kind: haechi.Invalid, Op: "sign", Err: f}
}

func (s *Signer) complete(line []byte, now time.Time) ([]byte, error) {
	if s.opt.Millis > 0 {
		now = time.UnixMilli(s.opt.Millis)
	}
	var frame []byte
	var err error
	if s.opt.Profile == Bot {
		frame, err = s.bot(line, now)
	} else {
		frame, err = s.line(line, now)
	}
	if err != nil {
		return nil, &haechi.Error{Kind: haechi.Invalid, Op: "sign", Err: err}
	}
	return frame, nil
}

// part is a signed-lines frame of which something is missing.
type part struct {
	V      int             `json:"v"`
	KeyID  string          `json:"kid"`
	Device string          `json:"device"`
	Dir    string          `json:"dir"`
	Seq    uint64          `json:"seq"`
	Millis int64           `json:"ts"`
	Event  string          `json:"event"`
	Body   json.RawMessage `json:"body"`
}

func (s *Signer) line(line []byte, now time.Time) ([]byte, error) {
	p := part{V: 1, KeyID: s.key.ID, Device: name(s.key.Device), Dir: s.opt.Direction.String(), Millis: now.UnixMilli()}
	d := json.NewDecoder(bytes.NewReader(line))
	d.DisallowUnknownFields() // what would be left out is not signed silently
	if err := d.Decode(&p); err != nil {
		return nil, err
	}
	switch {
	case len(bytes.TrimSpace(line[d.InputOffset():])) > 0:
		return nil, errors.New("something stands behind the object")
	case p.V != 1:
		return nil, framesign.BadVersion
	case p.Dir != "up" && p.Dir != "down":
		return nil, errors.New(`dir is "up" or "down"`)
	}
	p.override(&s.opt)
	p.Seq = cmp.Or(p.Seq, s.seq)
	s.seq = p.Seq + 1
	l := framesign.Line{KeyID: p.KeyID, Device: p.Device, Seq: p.Seq, Millis: p.Millis, Event: p.Event}
	if p.Dir == "down" {
		l.Direction = framesign.Down
	}
	if p.Body != nil {
		var body bytes.Buffer
		if err := json.Compact(&body, p.Body); err != nil {
			return nil, err
		}
		l.Body = body.Bytes()
	}
	return framesign.AppendLine(nil, &l), nil
}

// override puts what was asked for on the command line before what the frame says.
func (p *part) override(o *Options) {
	p.KeyID = cmp.Or(o.KeyID, p.KeyID)
	p.Device = cmp.Or(o.Device, p.Device)
	p.Millis = cmp.Or(o.Millis, p.Millis)
	if o.Direction == framesign.Down {
		p.Dir = "down"
	}
	if o.Seq > 0 {
		p.Seq = 0 // it counts on from there
	}
}

// name is the device's part of a key of the registry, which begins with its bot.
func name(key string) string { return key[strings.LastIndexByte(key, '/')+1:] }

func (s *Signer) bot(line []byte, now time.Time) ([]byte, error) {
	var p struct {
		Event string                     `json:"event"`
		Data  map[string]json.RawMessage `json:"data"`
	}
	var whole struct {
		Data json.RawMessage `json:"data"`
	}
	d := json.NewDecoder(bytes.NewReader(line))
	if err := d.Decode(&p); err != nil {
		return nil, err
	}
	tail := line[d.InputOffset():]
	if err := json.NewDecoder(bytes.NewReader(line)).Decode(&whole); err != nil {
		return nil, err
	}
	if p.Data == nil {
		whole.Data = json.RawMessage("{}")
	}
	if _, ok := p.Data["auth"]; ok {
		return nil, errors.New("data.auth is there already: leave it out, or give bind a place of 64 zeros")
	}
	bot, serial, ok := cutLast(s.key.Device)
	if !ok {
		return nil, errors.New("the key file does not say which device, BOT/DEVICEID")
	}
	a := framesign.Auth{ClientType: "MessengerBotR", Bot: bot, DeviceID: serial, UUID: serial, MAC: "02:00:00:00:00:00", Addr: "unknown",
		Version: "3.3.3", Millis: now.UnixMilli()}
	if !s.opt.OlderOnly {
		a.KeyID, a.Nonce = s.key.ID, cmp.Or(s.opt.Nonce, random())
		if a.KeyID == "" {
			return nil, errors.New("the key file does not say the key's id")
		}
	}
	older, fault := s.mac.Older(s.key.Salt, &a)
	if fault != framesign.OK {
		return nil, fault
	}
	var data bytes.Buffer
	if err := json.Compact(&data, whole.Data); err != nil {
		return nil, err
	}
	return framesign.AppendBot(nil, p.Event, data.Bytes(), &a, older, tail), nil
}

func cutLast(key string) (bot, serial string, ok bool) {
	i := strings.LastIndexByte(key, '/')
	if i < 1 || i == len(key)-1 {
		return "", "", false
	}
	return key[:i], key[i+1:], true
}

func random() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // it never fails: crypto/rand ends the program first
	return hex.EncodeToString(b[:])
}

// ParseMillis reads thirteen digits.
func ParseMillis(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || len(text) != framesign.TimeDigits || n < 0 {
		return 0, fmt.Errorf("%q is no time of thirteen digits", text)
	}
	return n, nil
}
