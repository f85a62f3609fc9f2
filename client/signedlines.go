package client

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"haechi"
	"haechi/internal/brick/framesign"
)

// SignedLines is a device of the profile signed-lines.
type SignedLines struct {
	Device  string // its name: at most 100 characters, no "/"
	Version string // what it says of itself in the hello; default "1.0"
	// Key is its key: ID and Secret as haechi devices key shows them, or a [Code].
	Key haechi.Key
	// Verify lets only frames through that the server signed with the same key,
	// within 300 s of this device's clock, each once. The gateway's own challenges
	// and refusals are not signed, and grant nothing.
	Verify bool
}

// The sequence: hello and proof have small numbers on every connection, so that a
// frame of the connection before can be sent again behind them with its own.
const (
	seqHello = 1
	seqProof = 2
)

type lines struct {
	id     SignedLines
	mac    *framesign.MAC
	reader *framesign.Reader
	seq    uint64 // the last one given
	proved bool   // on this connection
	down   *downMemory
}

func (s SignedLines) speaker() (speaker, error) {
	if s.Version == "" {
		s.Version = "1.0"
	}
	if len(s.Key.Secret) == 0 {
		return nil, &haechi.Error{Kind: haechi.Invalid, Op: "make a device", Msg: "it has no secret"}
	}
	r, err := framesign.NewReader(framesign.SignedLines())
	if err != nil {
		return nil, err
	}
	l := &lines{id: s, mac: framesign.NewMAC(s.Key.Secret), reader: r, seq: seqProof, down: newDownMemory()}
	if _, err := l.frame(seqHello, Message{Event: "hello"}, anyTime); err != nil {
		return nil, &haechi.Error{Kind: haechi.Invalid, Op: "make a device", Msg: "its name or key id cannot be signed", Err: err}
	}
	return l, nil
}

func (l *lines) begin(_ string, now time.Time) ([]byte, error) {
	l.proved = false
	l.down.begin()
	body, err := json.Marshal(map[string]string{"version": l.id.Version})
	if err != nil {
		return nil, err
	}
	return l.frame(seqHello, Message{Event: "hello", Body: body}, now.UnixMilli())
}

func (l *lines) sign(m Message, now time.Time) ([]byte, error) {
	if m.Event == "proof" && !l.proved {
		l.proved = true
		return l.frame(seqProof, m, now.UnixMilli())
	}
	l.seq++
	return l.frame(l.seq, m, now.UnixMilli())
}

func (l *lines) try(m Message) (int, error) {
	if len(m.Tail) > 0 {
		return 0, fmt.Errorf("signed-lines has no text behind a frame")
	}
	b, err := l.frame(l.seq+1, m, anyTime)
	return len(b), err
}

func (l *lines) frame(seq uint64, m Message, ms int64) ([]byte, error) {
	line := framesign.Line{KeyID: l.id.Key.ID, Device: l.id.Device, Seq: seq, Millis: ms, Event: m.Event}
	if m.Body != nil {
		var body bytes.Buffer
		if err := json.Compact(&body, m.Body); err != nil { // a line end would end the frame
			return nil, err
		}
		line.Body = body.Bytes()
	}
	return seal(l.reader, l.mac, framesign.AppendLine(nil, &line))
}

// seal signs a frame that has zeros for a signature, and ends it.
func seal(r *framesign.Reader, m *framesign.MAC, frame []byte) ([]byte, error) {
	f, fault := r.Read(frame)
	if fault == framesign.OK {
		fault = m.Sign(&f.Text, frame, f.At)
	}
	if fault != framesign.OK {
		return nil, fault
	}
	return append(frame, '\n'), nil
}

// fromServer is a line as the server may send it, signed or not.
type fromServer struct {
	Event string          `json:"event"`
	Dir   string          `json:"dir"`
	Nonce string          `json:"nonce"`
	Body  json.RawMessage `json:"body"`
	Sig   json.RawMessage `json:"sig"`
}

func (l *lines) hear(line []byte, now time.Time) heard {
	var s fromServer
	if json.Unmarshal(line, &s) != nil || s.Event == "" || s.Dir == "up" {
		return heard{what: unreadable}
	}
	h := heard{message: Message{Event: s.Event, Body: s.Body}}
	switch {
	case s.Event == "challenge":
		return l.challenged(s.Nonce)
	case s.Event == "error":
		h.message.Body, h.refusal = bytes.Clone(line), refusalOf(line)
		return h
	case s.Sig != nil || l.id.Verify:
		f := l.verified(line, now)
		if f == nil {
			return heard{what: unverified}
		}
		// What was verified is what the strict reader read, nothing else.
		h.message = Message{Event: string(f.Event), Body: bytes.Clone(f.Body), Verified: true}
	}
	if h.message.Event == "ping" {
		return heard{what: asked, answer: Message{Event: "pong", Body: h.message.Body}}
	}
	return h
}

// maxChallenge bounds the nonce of a challenge, which is signed as part of the body.
const maxChallenge = 128

// challenged answers with the gateway's own nonce.
func (l *lines) challenged(nonce string) heard {
	body, err := json.Marshal(map[string]string{"nonce": nonce})
	if err != nil || nonce == "" || len(nonce) > maxChallenge {
		return heard{what: unreadable}
	}
	return heard{what: asked, answer: Message{Event: "proof", Body: body}, open: true}
}

// verified reads a frame that the server signed for this device, now, and only once.
func (l *lines) verified(line []byte, now time.Time) *framesign.Frame {
	f, fault := l.reader.Read(line)
	if fault != framesign.OK || f.Direction != framesign.Down || string(f.Device) != l.id.Device || string(f.KeyID) != l.id.Key.ID ||
		l.mac.Verify(&f.Text, line, f.At) != framesign.OK || !l.down.admit(line[f.At:f.At+framesign.Size], f.Seq, f.Millis, now.UnixMilli()) {
		return nil
	}
	return f
}

func refusalOf(data json.RawMessage) *Refusal {
	r := new(Refusal)
	if json.Unmarshal(data, r) != nil {
		return new(Refusal)
	}
	return r
}
