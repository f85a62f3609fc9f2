package seal_test

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/brick/framesign"
	"haechi/internal/operate/seal"
)

const file = `{"id":"k1","device.id":"LOA.i/0123456789abcdef","secret":"example-secret","salt":"example-salt"}`

func at() time.Time { return time.UnixMilli(1753412789123) }

// The published vectors, each with the key of the device it names.
func TestVectors(t *testing.T) {
	var all struct {
		Keys   map[string]map[string]string
		Salt   string
		Frames []struct {
			Name, Profile, Direction, Frame string
			FrameHex                        string `json:"frame_hex"`
			Accept                          bool
			Text                            string
		}
	}
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "signature-vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &all); err != nil || len(all.Frames) < 80 {
		t.Fatalf("%d frames, %v", len(all.Frames), err)
	}
	for _, v := range all.Frames {
		frame := []byte(v.Frame)
		if v.FrameHex != "" {
			if frame, err = hex.DecodeString(v.FrameHex); err != nil {
				t.Fatal(err)
			}
		}
		accepted, text := false, ""
		for device, keys := range all.Keys {
			for id, secret := range keys {
				opt := seal.Options{Profile: v.Profile}
				if v.Direction == "down" {
					opt.Direction = framesign.Down
				}
				j, err := seal.NewJudge(seal.Key{ID: id, Device: device, Secret: haechi.Secret(secret), Salt: haechi.Secret(all.Salt)}, opt, true)
				if err != nil {
					t.Fatal(err)
				}
				if got := j.Judge(frame); got.OK {
					accepted, text = true, got.Text
				} else if got.Check == "" {
					t.Errorf("%s: refused for nothing", v.Name)
				}
			}
		}
		if accepted != v.Accept || text != v.Text {
			t.Errorf("%s, %s: accepted %v; text %q", v.Profile, v.Name, accepted, text)
		}
	}
}

func TestParseKey(t *testing.T) {
	k, err := seal.ParseKey([]byte(file + "\n"))
	if err != nil || k.ID != "k1" || k.Device != "LOA.i/0123456789abcdef" || string(k.Secret) != "example-secret" || string(k.Salt) != "example-salt" {
		t.Errorf("%+v %v", k, err)
	}
	if strings.Contains(fmt.Sprintf("%v %+v", k, k), "example") {
		t.Error("a printed key shows its secret")
	}
	if k, err = seal.ParseKey([]byte("  plain-secret\n")); err != nil || string(k.Secret) != "plain-secret" || k.ID != "" {
		t.Errorf("%+v %v", k, err)
	}
	code := "HC1-9N3AH-GBC4-E3NE-SHFT-7WQ3-MPE1-8106-1YN9-8NXH-40XX-KCM3-PH1H-S8Z3-ENDA"
	if k, err = seal.ParseKey([]byte(code)); err != nil || string(k.Secret) != code || k.ID != "9N3AH" || k.Salt == nil || len(k.Salt) > 0 {
		t.Errorf("%+v %v", k, err)
	}
	for _, bad := range []string{"", " \n", `{"secret":""}`, `{"secret":"example-secret"`, "example-secret\nsecond", "example-\x00secret"} {
		if _, err := seal.ParseKey([]byte(bad)); err == nil || strings.Contains(err.Error(), "example") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// The older signature is judged beside the new one, not instead of it.
func TestOlder(t *testing.T) {
	k, _ := seal.ParseKey([]byte(file))
	s, err := seal.NewSigner(k, seal.Options{Profile: seal.Bot})
	if err != nil {
		t.Fatal(err)
	}
	signed, err := s.Sign([]byte(`{"event":"pong","data":{"n":1}}`), at())
	if err != nil {
		t.Fatal(err)
	}
	j, err := seal.NewJudge(k, seal.Options{Profile: seal.Bot}, false)
	if err != nil {
		t.Fatal(err)
	}
	if v := j.Judge([]byte(signed.Frame)); !v.OK || !v.Bound {
		t.Errorf("%+v", v)
	}
	// A wrong older signature under a right new one: the servers behind would refuse.
	i := strings.Index(signed.Frame, `"signature":"`) + len(`"signature":"`)
	wrong := []byte(signed.Frame[:i] + strings.Repeat("0", 64) + signed.Frame[i+64:])
	b := strings.Index(string(wrong), `"bind":"`) + len(`"bind":"`)
	copy(wrong[b:], strings.Repeat("0", 64))
	again, err := s.Sign(wrong, at())
	if err != nil {
		t.Fatal(err)
	}
	if v := j.Judge([]byte(again.Frame)); v.OK || v.Check != "older" {
		t.Errorf("%+v", v)
	}
}

// FuzzSign: whatever is signed by hand is good in the judge's eyes, and no error shows
// the secret.
func FuzzSign(f *testing.F) {
	for _, line := range []string{`{"event":"a","body":{"n":1}}`, `{"event":"message","data":{"room":"개발"}}7JWI`, `{"event":"a\u0000"}`, `{"device":"x","event":"e","seq":9,"ts":1753412789123,"dir":"down"}`,
		`{"event":"e","data":{"auth":1}}`, `{"event":"e","data":null}`, `[]`, ``} {
		f.Add([]byte(line), true)
		f.Add([]byte(line), false)
	}
	k, err := seal.ParseKey([]byte(file))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, line []byte, lines bool) {
		opt, key := seal.Options{Profile: seal.Bot}, k
		if lines {
			opt.Profile, key.Device, key.ID = seal.Lines, "", ""
			opt.KeyID = "k1"
		}
		s, err := seal.NewSigner(key, opt)
		if err != nil {
			t.Fatal(err)
		}
		signed, err := s.Sign(line, at())
		if err != nil {
			if strings.Contains(err.Error(), "example-secret") {
				t.Fatal("the error shows the secret")
			}
			return
		}
		opt.KeyID = "" // a frame may name its own key and device
		ok := false
		for _, d := range []framesign.Direction{framesign.Up, framesign.Down} {
			opt.Direction = d
			key.ID, key.Device = "", ""
			j, err := seal.NewJudge(key, opt, !lines)
			if err != nil {
				t.Fatal(err)
			}
			v := j.Judge([]byte(signed.Frame))
			// A place for a signature in a frame with another older one is signed as it is.
			ok = ok || v.OK || v.Check == "older"
		}
		if !ok {
			t.Fatalf("%q was signed and is not good: %s", line, signed.Frame)
		}
	})
}
