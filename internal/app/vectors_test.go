package app_test

import (
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/app"
	"haechi/internal/identity/signature"
	"haechi/internal/ingress/devicegate"
)

// vectors is docs/signature-vectors.json.
type vectors struct {
	Keys   map[string]map[string]string
	Salt   string
	Frames []struct {
		Name, Profile, Direction, Device, Check string
		Frame                                   string
		FrameHex                                string `json:"frame_hex"`
		Accept                                  bool
	}
	Sequences []struct {
		Name, Profile string
		Steps         []struct {
			Connection  uint64
			Now         int64
			Frame, Want string
		}
	}
}

func readVectors(t *testing.T) (v vectors) {
	t.Helper()
	b, err := os.ReadFile("../../docs/signature-vectors.json")
	if err == nil {
		err = json.Unmarshal(b, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// Keys implements [signature.Keys]: signed-lines knows its devices as line/NAME.
func (v *vectors) keysOf(device string) (out []haechi.Key) {
	for id, secret := range v.Keys[strings.TrimPrefix(device, "line/")] {
		out = append(out, haechi.Key{ID: id, Secret: haechi.Secret(secret), Salt: haechi.Secret(v.Salt)})
	}
	return out
}

type keyring func(device string) []haechi.Key

func (f keyring) Keys(device string, _ time.Time) []haechi.Key { return f(device) }

// anybody is a registry that approves every device.
type anybody struct{}

func (anybody) Lookup(key string) (haechi.Device, bool) {
	return haechi.Device{Key: key, Status: haechi.Approved}, true
}
func (anybody) Register(d haechi.Device, _ time.Time) (haechi.Device, error) { return d, nil }
func (anybody) Seen(string, netip.Addr, string, time.Time, bool)             {}
func (anybody) Pin(string, string, time.Time) bool                           { return true }
func (anybody) Emit(*haechi.Event)                                           {}

// gateOf is a gate with the real verifier.
func gateOf(t *testing.T, profile string, binding haechi.Binding, keys signature.Keys) *devicegate.Gate {
	t.Helper()
	p, err := app.LoadProfile(profile)
	if err != nil {
		t.Fatal(err)
	}
	if p.Bind == nil {
		binding = haechi.BindOff
	}
	g, err := devicegate.New(devicegate.Config{Service: "s", Profile: &p.Profile, Binding: binding},
		devicegate.Deps{Registry: anybody{}, Prover: signature.New(signature.Config{}, keys).With(keys), Sink: anybody{}})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

const vectorTime = 1753412789123

// Every frame of the published vectors means the same to the gate.
func TestTheGateJudgesTheSignatureVectors(t *testing.T) {
	v := readVectors(t)
	for _, f := range v.Frames {
		frame := []byte(f.Frame)
		if f.FrameHex != "" {
			frame, _ = hex.DecodeString(f.FrameHex)
		}
		want := f.Accept && f.Direction != "down"
		if got := v.judge(t, f.Profile, frame); (got == "") != want {
			t.Errorf("%s, %s: %q, accepted should be %t (%s)", f.Profile, f.Name, got, want, f.Check)
		}
	}
}

// judge gives one frame to a gate of its own, as the device that it names itself.
func (v *vectors) judge(t *testing.T, profile string, frame []byte) haechi.Reason {
	g := gateOf(t, profile, haechi.BindRequire, keyring(v.keysOf))
	now := time.UnixMilli(vectorTime)
	trial := g.Trial(haechi.Actor{}, 1, now)
	if bot, id := names(profile, frame); !strings.Contains(string(frame), `"hello"`) {
		trial.As(bot, id)
	}
	out := trial.Take(append(frame, '\n'), now)
	if len(out) != 1 {
		return "no judgement"
	}
	return out[0].Reason
}

// names reads who a frame says it is from.
func names(profile string, frame []byte) (bot, id string) {
	var f struct {
		Device string
		Data   struct {
			Auth struct{ BotName, DeviceID string }
		}
	}
	_ = json.NewDecoder(strings.NewReader(string(frame))).Decode(&f) // the rest of a broken frame is empty
	if profile == "signed-lines" {
		return "line", f.Device
	}
	return f.Data.Auth.BotName, f.Data.Auth.DeviceID
}

// The memory of the verifier and the number of each connection do what the vectors
// say about frames after each other.
func TestTheGateJudgesTheSequences(t *testing.T) {
	v := readVectors(t)
	for _, s := range v.Sequences {
		g := gateOf(t, s.Profile, haechi.BindRequire, keyring(v.keysOf))
		trials := map[uint64]*devicegate.Trial{}
		for i, step := range s.Steps {
			now := time.UnixMilli(step.Now)
			trial := trials[step.Connection]
			if trial == nil {
				trial = g.Trial(haechi.Actor{}, step.Connection, now)
				trials[step.Connection] = trial
				if bot, id := names(s.Profile, []byte(step.Frame)); !strings.Contains(step.Frame, `"hello"`) {
					trial.As(bot, id)
				}
			}
			out := trial.Take([]byte(step.Frame+"\n"), now)
			if got := word(out); got != step.Want {
				t.Errorf("%s, step %d: %s, want %s", s.Name, i, got, step.Want)
			} else if got == "duplicate" {
				trial.As(names(s.Profile, []byte(step.Frame))) // a hello sent again lets nobody in
			}
		}
	}
}

// word is a judgement in the words of the vectors.
func word(out []devicegate.Judgement) string {
	if len(out) != 1 {
		return "nothing"
	}
	switch j := out[0]; j.Reason {
	case "":
		if j.Duplicate {
			return "duplicate"
		}
		return "accept"
	case haechi.ReasonHMACFailed:
		return "signature"
	case haechi.ReasonTimestamp:
		return "time"
	default:
		return string(j.Reason)
	}
}
