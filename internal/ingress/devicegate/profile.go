package devicegate

import (
	"fmt"

	"haechi"
	"haechi/internal/brick/strictjson"
)

// Profile is a device protocol as data. Paths are dotted member names from the
// top of a frame.
type Profile struct {
	Name  string
	Event string // path of the frame's event name
	// Shapes are the forms of a handshake; the first that fits is taken.
	Shapes []Shape
	// Auth is the path of the object that holds the proof.
	Auth string
	// Signed are the signed fields below Auth in signing order. Those in Optional
	// may be missing, which signs an empty text.
	Signed, Optional []string
	// Timestamp and Signature lie below Auth too; Timestamp is one of Signed.
	Timestamp, Signature string
	// Delimiter separates the signed fields; no field may contain it.
	Delimiter byte
	// SameBot and SameDevice are paths that must equal the handshake's identity
	// wherever they are present.
	SameBot, SameDevice []string
	// Room are the paths of the room's name; the first that is a text counts.
	Room []string
	// Messages, Answers and Tails are event names: what a person sent, what
	// answers a ping, and what may carry a raw tail behind the object.
	Messages, Answers, Tails []string
	// Echo is the path by which an answer returns the ping's server_timestamp.
	Echo string
}

// Shape is one form of handshake. Its fields are texts below At.
type Shape struct {
	// Event is the event name that marks it; empty means that a frame without an
	// event name and with the field Bot is one.
	Event string
	At    string // path of the object with the fields, empty for the top
	// Foreign are paths that must not exist beside it, so that no frame can be
	// read as two handshakes.
	Foreign              []string
	Bot, Device, Version string
	// Fields are all bounded fields with their largest length in characters.
	Fields []Field
}

// Field bounds one text of a handshake.
type Field struct {
	Name     string
	Max      int
	Required bool
}

// Messengerbot is the profile of MessengerBotR clients 3.1.4 to 3.3.3 and the
// servers behind them. The lengths are those of the columns that the server
// writes the fields to: a longer one makes its approval check fail open.
func Messengerbot() Profile {
	fields := []Field{
		{"botName", 30, true}, {"deviceID", 100, true}, {"version", 20, true},
		{"clientType", 50, false}, {"deviceIP", 45, false}, {"deviceInfo", 255, false},
	}
	return Profile{
		Name:  "messengerbot",
		Event: "event",
		Shapes: []Shape{
			{Event: "handshake", At: "data", Foreign: []string{"botName", "deviceID", "version"},
				Bot: "botName", Device: "deviceID", Version: "version", Fields: fields},
			{At: "", Foreign: []string{"data"},
				Bot: "botName", Device: "deviceID", Version: "version", Fields: fields},
		},
		Auth:      "data.auth",
		Signed:    []string{"clientType", "botName", "deviceUUID", "macAddress", "ipAddress", "timestamp"},
		Optional:  []string{"macAddress", "ipAddress"},
		Timestamp: "timestamp", Signature: "signature", Delimiter: '|',
		SameBot:    []string{"data.auth.botName", "data.bot_name", "data.botName"},
		SameDevice: []string{"data.auth.deviceID", "data.deviceID"},
		Room:       []string{"data.room", "data.channel_id"},
		Messages:   []string{"message", "analyze"},
		Answers:    []string{"pong", "ping"},
		Tails:      []string{"message"},
		Echo:       "data.server_timestamp",
	}
}

// layout is a profile with its paths as slots of the scanner.
type layout struct {
	Profile
	paths                  *strictjson.Paths
	event, auth, echo      int
	shapes                 []shape
	signed                 []part
	timestamp, signature   int
	sameBot, sameDev, room []int
}

type part struct {
	slot     int
	optional bool
}

type shape struct {
	event                string
	bot, device, version int
	client               int // slot of clientType, -1 if the shape has none
	foreign              []int
	fields               []bound
}

type bound struct {
	slot, max int
	required  bool
}

// slots collects distinct paths.
type slots []string

func (s *slots) add(path string) int {
	for i, p := range *s {
		if p == path {
			return i
		}
	}
	*s = append(*s, path)
	return len(*s) - 1
}

func (s *slots) all(paths []string) []int {
	out := make([]int, 0, len(paths))
	for _, p := range paths {
		out = append(out, s.add(p))
	}
	return out
}

func compile(p Profile) (*layout, error) {
	if len(p.Signed) == 0 || len(p.Signed) > haechi.MaxClaimParts || len(p.Shapes) == 0 {
		return nil, fmt.Errorf("profile %q: needs a handshake shape and 1 to %d signed fields", p.Name, haechi.MaxClaimParts)
	}
	var s slots
	l := &layout{Profile: p, event: s.add(p.Event), auth: s.add(p.Auth), echo: s.add(p.Echo),
		timestamp: s.add(p.Auth + "." + p.Timestamp), signature: s.add(p.Auth + "." + p.Signature),
		sameBot: s.all(p.SameBot), sameDev: s.all(p.SameDevice), room: s.all(p.Room)}
	for _, name := range p.Signed {
		l.signed = append(l.signed, part{s.add(p.Auth + "." + name), among(p.Optional, name)})
	}
	for _, in := range p.Shapes {
		l.shapes = append(l.shapes, in.compile(&s))
	}
	var err error
	l.paths, err = strictjson.Compile(s...)
	return l, err
}

func (in *Shape) compile(s *slots) shape {
	at := func(name string) int {
		if in.At != "" {
			name = in.At + "." + name
		}
		return s.add(name)
	}
	out := shape{event: in.Event, bot: at(in.Bot), device: at(in.Device), version: at(in.Version),
		client: -1, foreign: s.all(in.Foreign)}
	for _, f := range in.Fields {
		out.fields = append(out.fields, bound{at(f.Name), f.Max, f.Required})
		if f.Name == "clientType" {
			out.client = at(f.Name)
		}
	}
	return out
}

func among(list []string, name string) bool {
	for _, x := range list {
		if x == name {
			return true
		}
	}
	return false
}

// known returns the profile's own copy of an event name, or "".
func (l *layout) known(name []byte) (text string, message, answer bool) {
	for _, m := range l.Messages {
		if m == string(name) {
			return m, true, false
		}
	}
	for _, a := range l.Answers {
		if a == string(name) {
			return a, false, true
		}
	}
	return "", false, false
}
