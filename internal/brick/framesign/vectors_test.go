package framesign_test

import (
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"haechi/internal/brick/framesign"
)

var update = flag.Bool("update", false, "write docs/signature-vectors.json anew, from the reference in this package's tests")

// vectors is docs/signature-vectors.json.
type vectors struct {
	About   string                       `json:"about"`
	Version string                       `json:"version"`
	Keys    map[string]map[string]string `json:"keys"`
	Salt    string                       `json:"salt"`
	Texts   []textVector                 `json:"texts"`
	Frames  []frameVector                `json:"frames"`
	Steps   []sequence                   `json:"sequences"`
}

// textVector is one set of values and what they sign, or that they cannot be signed.
type textVector struct {
	Name      string `json:"name"`
	Secret    string `json:"secret"`
	KeyID     string `json:"key_id"`
	Device    string `json:"device"`
	Direction string `json:"direction"`
	Nonce     string `json:"nonce"`
	Timestamp string `json:"timestamp"`
	Event     string `json:"event"`
	Blanked   string `json:"frame_blanked"`
	Accept    bool   `json:"accept"`
	Text      string `json:"text,omitempty"`
	Signature string `json:"signature,omitempty"`
}

// frameVector is one frame as it is on the wire, without its line end.
type frameVector struct {
	Name      string `json:"name"`
	Profile   string `json:"profile"`
	Direction string `json:"direction"` // which the verifier expects
	Frame     string `json:"frame,omitempty"`
	FrameHex  string `json:"frame_hex,omitempty"` // instead of frame, where that is no valid text
	Accept    bool   `json:"accept"`
	Check     string `json:"check,omitempty"` // the first that fails
	Text      string `json:"text,omitempty"`  // what is signed, of an accepted frame
}

func (v *frameVector) bytes(t testing.TB) []byte {
	t.Helper()
	if v.FrameHex == "" {
		return []byte(v.Frame)
	}
	b, err := hex.DecodeString(v.FrameHex)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// sequence is what a verifier with a clock and a memory says to frames in a row.
type sequence struct {
	Name    string `json:"name"`
	Profile string `json:"profile"`
	Steps   []step `json:"steps"`
}

type step struct {
	Connection int    `json:"connection"`
	Now        int64  `json:"now"` // the verifier's clock, Unix milliseconds
	Frame      string `json:"frame"`
	Want       string `json:"want"` // accept, duplicate, or the check that refuses
}

func vectorFile() string { return filepath.Join("..", "..", "..", "docs", "signature-vectors.json") }

func readVectors(t testing.TB) *vectors {
	t.Helper()
	b, err := os.ReadFile(vectorFile())
	if err != nil {
		t.Fatal(err)
	}
	v := new(vectors)
	if err := json.Unmarshal(b, v); err != nil {
		t.Fatal(err)
	}
	if len(v.Texts) < 8 || len(v.Frames) < 80 || len(v.Steps) < 5 {
		t.Fatalf("only %d texts, %d frames, %d sequences", len(v.Texts), len(v.Frames), len(v.Steps))
	}
	return v
}

// TestVectorsAreCurrent makes the published vectors anew from the reference.
func TestVectorsAreCurrent(t *testing.T) {
	b, err := json.MarshalIndent(makeVectors(), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	b = append(b, '\n')
	if *update {
		if err := os.WriteFile(vectorFile(), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(vectorFile()); err != nil || string(got) != string(b) {
		t.Errorf("docs/signature-vectors.json is not what the reference makes (%v): run this test with -update", err)
	}
}

// TestWorkedExample holds the page to its own vectors.
func TestWorkedExample(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(filepath.Dir(vectorFile()), "signature.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range readVectors(t).Frames {
		if v.Name != "reading" || v.Profile != "signed-lines" {
			continue
		}
		sig := v.Frame[len(v.Frame)-66 : len(v.Frame)-2]
		for _, want := range []string{"```\n" + strings.Replace(v.Frame, sig, zeros, 1) + "\n```", "```\n" + v.Text + "\n```", "The signature: `" + sig + "`"} {
			if !strings.Contains(string(page), want) {
				t.Errorf("docs/signature.md does not show %q", want)
			}
		}
		return
	}
	t.Error("the vector of the example is gone")
}

func TestTextVectors(t *testing.T) {
	for _, v := range readVectors(t).Texts {
		x := framesign.Text{KeyID: []byte(v.KeyID), Device: []byte(v.Device), Nonce: []byte(v.Nonce),
			Timestamp: []byte(v.Timestamp), Event: []byte(v.Event)}
		if v.Direction == "down" {
			x.Direction = framesign.Down
		}
		frame := []byte(v.Blanked)
		at := index(v.Blanked, zeros)
		m := framesign.NewMAC([]byte(v.Secret))
		text, f := m.Canonical(&x, frame, at)
		if (f == framesign.OK) != v.Accept || string(text) != v.Text {
			t.Errorf("%s: %v, text %q, want %q", v.Name, f, text, v.Text)
			continue
		}
		if f = m.Sign(&x, frame, at); v.Accept && (f != framesign.OK || string(frame[at:at+64]) != v.Signature) {
			t.Errorf("%s: %v, signature %s, want %s", v.Name, f, frame[at:at+64], v.Signature)
		}
	}
}

func TestFrameVectors(t *testing.T) {
	all := readVectors(t)
	accepted := 0
	for _, v := range all.Frames {
		check, text := judge(t, all, &v)
		if v.Accept {
			accepted++
		}
		if (check == "") != v.Accept || check != v.Check || v.Accept && text != v.Text {
			t.Errorf("%s, %s: refused for %q, want %q; text %q", v.Profile, v.Name, check, v.Check, text)
		}
	}
	if refused := len(all.Frames) - accepted; accepted < 15 || refused < 60 {
		t.Errorf("only %d good and %d bad frames", accepted, refused)
	}
}

// judge is a verifier without memory.
func judge(t testing.TB, all *vectors, v *frameVector) (check, text string) {
	t.Helper()
	layout := framesign.SignedLines()
	if v.Profile == framesign.Binding().Name {
		layout = framesign.Binding()
	}
	r, err := framesign.NewReader(layout)
	if err != nil {
		t.Fatal(err)
	}
	frame := v.bytes(t)
	f, fault := r.Read(frame)
	if fault != framesign.OK {
		return fault.Check(), ""
	}
	if f.Direction.String() != v.Direction {
		return "direction", ""
	}
	secret, ok := all.Keys[string(f.Device)][string(f.KeyID)]
	if !ok {
		return "key", ""
	}
	m := framesign.NewMAC([]byte(secret))
	if fault := m.Verify(&f.Text, frame, f.At); fault != framesign.OK {
		return fault.Check(), ""
	}
	b, _ := m.Canonical(&f.Text, frame, f.At)
	return "", string(b)
}

func index(s, part string) int {
	for i := 0; i+len(part) <= len(s); i++ {
		if s[i:i+len(part)] == part {
			return i
		}
	}
	return -1
}

// frame puts bytes into a vector in the form that JSON can hold.
func (v frameVector) with(frame string) frameVector {
	if utf8.ValidString(frame) {
		v.Frame = frame
	} else {
		v.FrameHex = hex.EncodeToString([]byte(frame))
	}
	return v
}
