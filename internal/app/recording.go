package app

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"haechi"
	"haechi/internal/identity/signature"
	"haechi/internal/ingress/devicegate"
)

// maxRecord bounds one line of a recording, in bytes.
const maxRecord = 4 << 20

// Record is one line of a recording: what was seen on a connection, as one JSON object.
// docs/profiles.md explains it.
type Record struct {
	Dir string `json:"dir"` // up: from the device; down: to it
	// One of these is what was sent. A text of a protocol of lines gets its line end.
	Text   *string `json:"text,omitempty"`
	Hex    string  `json:"hex,omitempty"`
	Base64 string  `json:"base64,omitempty"`
	// Time is when, in RFC 3339; empty: the time of the line before.
	Time time.Time `json:"time,omitzero"`
	// Connection tells connections apart; Addr is the client's address.
	Connection uint64 `json:"connection,omitempty"`
	Addr       string `json:"addr,omitempty"`
	// Want is what should become of the frame: accepted, duplicate, or the reason of a
	// refusal. Empty: accepted or duplicate.
	Want string `json:"want,omitempty"`
}

// Judged is what the gate would have done with a recorded frame.
type Judged struct {
	Line       int    `json:"line"` // of the recording, from 1
	Connection uint64 `json:"connection"`
	Device     string `json:"device,omitempty"`
	Event      string `json:"event,omitempty"`
	// Result is accepted, handshake, duplicate, or the reason of a refusal.
	Result    string  `json:"result"`
	Observed  float64 `json:"observed,omitempty"`
	Threshold float64 `json:"threshold,omitempty"`
	Query     bool    `json:"query,omitempty"`
	AsWanted  bool    `json:"as_wanted"`
}

// Refused reports whether the frame is refused.
func (j *Judged) Refused() bool {
	return j.Result != "accepted" && j.Result != "handshake" && j.Result != "duplicate"
}

// RecordingOptions say how a recording is judged.
type RecordingOptions struct {
	Keys    string // the key file; botkeys.Load says its shape
	Binding haechi.Binding
	Exempt  []string
}

// JudgeRecording judges recorded frames as the gate of the profile would: form,
// handshake, identity, signature, clock, replay. Every device counts as approved. The
// answer to a gate's own ping cannot be judged: the recording's ping was another. Errors
// are of kind Invalid and name the line.
func JudgeRecording(p *haechi.Profile, src io.Reader, o RecordingOptions) ([]Judged, error) {
	from := *p
	if p.Keys == haechi.KeysOfDevice {
		from.Keys = haechi.KeysGlobal // the file has the keys of the recorded device
	}
	ring, err := LoadKeys(o.Keys, &from)
	if err != nil {
		return nil, err
	}
	gate, err := devicegate.New(devicegate.Config{Service: "recording", Profile: p, Binding: o.Binding, Exempt: o.Exempt},
		devicegate.Deps{Registry: approvesAll{}, Prover: signature.New(signature.Config{}, ring).With(ring), Sink: approvesAll{}})
	if err != nil {
		return nil, err
	}
	r := reel{gate: gate, lines: p.Framing.Kind <= haechi.LinesTail, trials: map[uint64]*devicegate.Trial{}}
	in := bufio.NewScanner(src)
	in.Buffer(make([]byte, 0, 64<<10), maxRecord)
	for n := 1; in.Scan(); n++ {
		if len(bytes.TrimSpace(in.Bytes())) == 0 {
			continue
		}
		if err := r.line(n, in.Bytes()); err != nil {
			return nil, &haechi.Error{Kind: haechi.Invalid, Op: fmt.Sprintf("read line %d of the recording", n), Err: err, Hint: "docs/profiles.md shows what a line holds"}
		}
	}
	if err := in.Err(); err != nil {
		return nil, &haechi.Error{Kind: haechi.Invalid, Op: "read the recording", Err: err, Hint: "keep a line below 4 MiB"}
	}
	return r.out, nil
}

// reel is a recording under way.
type reel struct {
	gate   *devicegate.Gate
	lines  bool // frames are lines
	now    time.Time
	trials map[uint64]*devicegate.Trial
	out    []Judged
}

func (r *reel) line(n int, text []byte) error {
	var rec Record
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&rec); err != nil {
		return err
	}
	sent, err := rec.bytes(r.lines)
	if err != nil {
		return err
	}
	if !rec.Time.IsZero() {
		r.now = rec.Time
	}
	switch {
	case r.now.IsZero():
		return errors.New("it has no time, and none came before")
	case rec.Dir == "down":
		return nil
	case rec.Dir != "up":
		return fmt.Errorf("dir is %q, not up or down", rec.Dir)
	}
	return r.judge(n, &rec, sent)
}

// bytes are what was sent.
func (rec *Record) bytes(lines bool) ([]byte, error) {
	switch {
	case rec.Text != nil && rec.Hex == "" && rec.Base64 == "":
		out := []byte(*rec.Text)
		if lines && !bytes.HasSuffix(out, []byte("\n")) {
			out = append(out, '\n')
		}
		return out, nil
	case rec.Hex != "" && rec.Text == nil && rec.Base64 == "":
		return hex.DecodeString(rec.Hex)
	case rec.Base64 != "" && rec.Text == nil && rec.Hex == "":
		return base64.StdEncoding.DecodeString(rec.Base64)
	}
	return nil, errors.New("it needs one of text, hex and base64")
}

func (r *reel) judge(n int, rec *Record, sent []byte) error {
	trial := r.trials[rec.Connection]
	if trial == nil {
		if len(r.trials) >= 10_000 {
			return errors.New("it has more than 10,000 connections")
		}
		a := haechi.Actor{Assurance: haechi.Handshaken}
		if rec.Addr != "" {
			addr, err := netip.ParseAddr(rec.Addr)
			if err != nil {
				return err
			}
			a.Addr, a.Client = addr.Unmap(), netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen())
		}
		trial = r.gate.Trial(a, uint64(len(r.trials)+1), r.now)
		r.trials[rec.Connection] = trial
	}
	for _, j := range trial.Take(sent, r.now) {
		out := Judged{Line: n, Connection: rec.Connection, Device: trial.Device(), Event: j.Event, Result: "accepted",
			Observed: j.Observed, Threshold: j.Threshold, Query: j.Query}
		switch {
		case j.Reason != "":
			out.Result = string(j.Reason)
		case j.Handshake:
			out.Result = "handshake"
		case j.Duplicate:
			out.Result = "duplicate"
		}
		out.AsWanted = out.Result == rec.Want || out.Result == "handshake" && rec.Want == "accepted" || rec.Want == "" && !out.Refused()
		r.out = append(r.out, out)
	}
	return nil
}

// approvesAll is the house of a recording: every device is approved, nothing is told.
type approvesAll struct{}

func (approvesAll) Lookup(key string) (haechi.Device, bool) {
	return haechi.Device{Key: key, Status: haechi.Approved}, true
}
func (approvesAll) Register(d haechi.Device, _ time.Time) (haechi.Device, error) { return d, nil }
func (approvesAll) Seen(string, netip.Addr, string, time.Time, bool)             {}
func (approvesAll) Pin(string, string, time.Time) bool                           { return true }
func (approvesAll) Emit(*haechi.Event)                                           {}
