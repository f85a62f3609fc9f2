package scenario_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/client"
	"haechi/internal/operate/demo"
)

// code makes an enrolment code by the command line.
func (r *rig) code(more ...string) haechi.NewCode {
	return asked[haechi.NewCode](r, append([]string{"devices", "code", "new", "--service", "bots"}, more...)...)
}

// with is a phone that has the code in place of its key, and no salt.
func with(code haechi.NewCode, bot, serial string) demo.Identity {
	return demo.Identity{Bot: bot, Serial: serial, Shape: demo.V333, Secret: haechi.Secret(code.Code), Salt: haechi.Secret{}}
}

// TestEnrolmentCode: a phone that nobody registered comes in with a code, with no
// change but its key, and stays in over a restart; nobody else does.
func TestEnrolmentCode(t *testing.T) {
	t.Parallel()
	r := run(t, settings{bots: "device: { hold: 1s }"})
	one := r.code("--label", "3F", "--bot", "코드봇")
	id := with(one, "코드봇", "1111")
	other := id
	other.Bot = "딴봇"
	r.phone(other, 11).refused(t) // not for this bot
	if n := len(r.bots.of(other)); n > 0 {
		t.Errorf("the server heard %d frames of it", n)
	}
	p := r.phone(id, 10)
	p.chats(p.connected(), "코드로 왔어요")
	d := asked[[]haechi.Device](r, "devices", "--status", "approved")
	if len(d) != 1 || d[0].Key != id.Key() || d[0].Label != "3F" || d[0].By != "code:"+one.ID || len(d[0].Keys) != 1 || d[0].Keys[0].Code != one.ID || d[0].UUID == "" {
		t.Fatalf("approved are %+v", d)
	}
	second := with(one, "코드봇", "2222")
	r.phone(second, 12).refused(t) // it was for one device
	r.restart()
	p = r.phone(id, 10)
	p.chats(p.connected(), "아직 있어요")

	// Its own key in place of the code: the report says when the code can end.
	fresh := r.key(id)
	r.phone(fresh, 10).connected()
	eventually(t, "the old key to be left", 15*time.Second, func() bool {
		report := asked[haechi.KeyReport](r, "devices", "keys", "--old")
		return len(report.Keys) == 1 && report.Keys[0].ID == one.ID && report.Keys[0].State == haechi.KeyLeft && report.InUse == 0
	})
	r.ok("devices", "retire", id.Key(), one.ID)
	r.phone(id, 10).refused(t)
	r.phone(fresh, 10).connected()
	story := asked[struct {
		History []haechi.AuditEntry `json:"history"`
	}](r, "devices", "show", id.Key())
	actions := map[string]string{}
	for _, e := range story.History {
		actions[e.Action] = e.By
	}
	if actions["device.enrol"] != "code:"+one.ID || actions["device.key"] == "" || actions["device.key.retire"] == "" {
		t.Errorf("its history: %+v", story.History)
	}
	r.nowhere(t, one.Code)
}

// nowhere wants the text in no file that the gateway wrote, its log with them.
func (r *rig) nowhere(t *testing.T, secret string) {
	t.Helper()
	if err := filepath.WalkDir(r.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if strings.Contains(string(b), secret) {
			t.Errorf("%s holds the code", path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(r.proc.Errors(), secret) {
		t.Error("the log holds the code")
	}
}

// TestCodeForSeveralPhones: as many as it says, each with an entry of its own; all
// of them share a key, and the report says so.
func TestCodeForSeveralPhones(t *testing.T) {
	t.Parallel()
	r := run(t, settings{bots: "device: { hold: 1s, pending: 1 }"})
	r.phone(demo.Identity{Bot: "먼저", Serial: "0", Shape: demo.V333}, 20).refused(t) // the queue is full
	code := r.code("--uses", "3")
	for i := range 3 {
		id := with(code, "여럿봇", fmt.Sprint(i))
		p := r.phone(id, 10+i)
		p.chats(p.connected(), "왔어요")
	}
	r.phone(with(code, "여럿봇", "3"), 14).refused(t)
	if report := asked[haechi.KeyReport](r, "devices", "keys", "--old"); report.Shared != 3 || len(report.Keys) != 3 {
		t.Errorf("%+v", report)
	}
	if codes := asked[[]haechi.EnrolCode](r, "devices", "code"); codes[0].Used != 3 {
		t.Errorf("used %d times", codes[0].Used)
	}
}

// TestEnrolmentCodeOfASignedLine: a device whose handshake is signed, and that names
// its key, comes in with the code's id as the name of the key.
func TestEnrolmentCodeOfASignedLine(t *testing.T) {
	t.Parallel()
	r, side := sensors(t)
	code := asked[haechi.NewCode](r, "devices", "code", "new", "--service", "sensors")
	device := func(i int, name, secret string) *client.Client {
		key := haechi.Key{ID: code.ID, Secret: haechi.Secret(secret)}
		return r.device(i, client.Config{Servers: []string{r.at(1, portSensors)}, Protocol: client.SignedLines{Device: name, Key: key}})
	}
	guesser := device(21, "sensor-0", "a guess")
	eventually(t, "the guesser to be refused", 10*time.Second, func() bool { return guesser.Stats().Refused > 0 })
	c := device(20, "sensor-1", code.Code)
	must(t, c.Send("reading", map[string]any{"n": 1}))
	eventually(t, "its reading to be answered", 20*time.Second, func() bool { return c.Stats().Received == 1 })
	if len(side.of("sensor-0", "hello")) > 0 {
		t.Error("the server heard the guesser")
	}
	d := asked[[]haechi.Device](r, "devices", "--status", "approved")
	if len(d) != 1 || d[0].Serial != "sensor-1" || len(d[0].Keys) != 1 || d[0].Keys[0].ID != code.ID {
		t.Errorf("approved are %+v", d)
	}
}

// TestOpenCodesHarmNobodyWhoWaits: phones behind one address that wait for their
// approval are pinged while a code is open, sign with the key they have, and are
// attackers no more than without.
func TestOpenCodesHarmNobodyWhoWaits(t *testing.T) {
	t.Parallel()
	r := run(t, settings{bots: "device: { hold: 1s }"})
	r.code()
	for i := range 4 {
		id := demo.Identity{Bot: "대기봇", Serial: fmt.Sprint(i), Shape: demo.V333, Secret: haechi.Secret("a key of old times"), Salt: haechi.Secret("salt")}
		p := r.phone(id, 10)
		p.lives()
		eventually(t, "the phone to come back", 30*time.Second, func() bool { return p.Counts().Errors >= 5 })
	}
	if in := r.inForce(); len(in) > 0 {
		t.Errorf("decided against phones that wait: %+v", in)
	}
	if ds := asked[[]haechi.Device](r, "devices", "--status", "pending"); len(ds) != 4 {
		t.Errorf("%d wait, want 4", len(ds))
	}
}

// TestGuessesAtCodesAreCounted: who invents devices to guess at a code is denied
// like who guesses at a key.
func TestGuessesAtCodesAreCounted(t *testing.T) {
	t.Parallel()
	r := run(t, settings{bots: "device: { hold: 1s }"})
	r.code()
	for i := range 11 {
		id := demo.Identity{Bot: "추측봇", Serial: fmt.Sprint(i), Shape: demo.V333, Secret: haechi.Secret(fmt.Sprint("guess ", i)), Salt: haechi.Secret{}}
		r.phone(id, 10).refused(t)
	}
	eventually(t, "the guesser to be denied", 10*time.Second, func() bool {
		_, ok := r.about("ip:" + r.addr(10).String())
		return ok
	})
}

// TestPinnedIdentity: a session with the right key that signs another identity than
// the first is refused, until an operator says otherwise.
func TestPinnedIdentity(t *testing.T) {
	t.Parallel()
	r := run(t, settings{bots: "device: { hold: 1s }"})
	id := r.enrol("고정봇", "1111", demo.V333)
	r.phone(id, 10).connected()
	moved := id
	moved.UUID = "another identity"
	got := r.phone(moved, 11).refused(t)
	r.explained(t, got.Ref, haechi.ReasonIdentity, id)
	eventually(t, "the refusal to be audited", 5*time.Second, func() bool {
		for _, e := range asked[[]haechi.AuditEntry](r, "audit", "--limit", "20") {
			if e.Action == "device.pin.refused" && e.Subject == id.Key() && e.After == "another identity" {
				return true
			}
		}
		return false
	})
	r.phone(id, 10).connected()
	r.ok("devices", "pin", id.Key(), "--reason", "the phone was reset")
	r.phone(moved, 11).connected()
	r.phone(id, 10).refused(t)
}
