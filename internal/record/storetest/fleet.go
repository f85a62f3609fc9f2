package storetest

import (
	"fmt"
	"testing"
	"time"

	"haechi"
)

// fleet: many devices in one step; keys stay, and names that differ by case are two.
func fleet(t *testing.T, b Backend) {
	s := opened(t, b)
	var want []haechi.Device
	for i := range 40 {
		want = append(want, someDevice(fmt.Sprintf("bot/%02d", i)))
	}
	check(t, s.Fleet.SaveDevices(t.Context(), want))
	k := haechi.Key{ID: "k1", Secret: []byte("s"), Salt: []byte{}, Created: Now()}
	check(t, s.Devices.SaveKey(t.Context(), "bot/07", &k))
	for i := range want {
		want[i].Status, want[i].Reason = haechi.Revoked, "not used"
	}
	check(t, s.Fleet.SaveDevices(t.Context(), want))
	check(t, s.Fleet.SaveDevices(t.Context(), nil))
	want[7].Keys = []haechi.KeyInfo{{ID: "k1", Created: Now()}}
	got, err := s.Devices.Devices(t.Context())
	check(t, err)
	equal(t, got, want)
}

// sightings: what was seen is written; status, label, pin and secrets are left
// alone, a last use never goes back, and what is not there stays away.
func sightings(t *testing.T, b Backend) {
	s := opened(t, b)
	d := someDevice("LOA.i/1")
	check(t, s.Devices.SaveDevice(t.Context(), &d))
	for i, id := range []string{"k1", "k2"} {
		k := haechi.Key{ID: id, Secret: []byte("s" + id), Salt: []byte("t"), Created: Now().Add(time.Duration(i)), LastUse: Now()}
		check(t, s.Devices.SaveKey(t.Context(), d.Key, &k))
	}
	at := Now().Add(time.Minute)
	seen := d
	seen.Status, seen.Label, seen.UUID, seen.By, seen.Reason, seen.Service = haechi.Pending, "x", "y", "z", "w", "v"
	seen.Addr, seen.Version, seen.ClientType, seen.LastSeen, seen.LastPing = "2001:db8::7", "4", "c", at, at
	seen.Skew = haechi.ClockSkew{Last: time.Second, Min: -time.Second, Max: 2 * time.Second, At: at}
	seen.Keys = []haechi.KeyInfo{{ID: "k1", LastUse: Now().Add(-1)}, {ID: "k2", LastUse: at}, {ID: "k9", LastUse: at}}
	nobody := someDevice("loa.i/1") // another device than LOA.i/1
	check(t, s.Fleet.SaveSeen(t.Context(), []haechi.Device{nobody, seen}))
	check(t, s.Fleet.SaveSeen(t.Context(), nil))
	d.Addr, d.Version, d.ClientType, d.LastSeen, d.LastPing, d.Skew = seen.Addr, seen.Version, seen.ClientType, at, at, seen.Skew
	d.Keys = []haechi.KeyInfo{{ID: "k1", Created: Now(), LastUse: Now()}, {ID: "k2", Created: Now().Add(1), LastUse: at}}
	got, err := s.Devices.Devices(t.Context())
	check(t, err)
	equal(t, got, []haechi.Device{d})
	keys, err := s.Devices.Keys(t.Context(), d.Key)
	check(t, err)
	if len(keys) != 2 || string(keys[1].Secret) != "sk2" || !keys[1].LastUse.Equal(at) {
		t.Errorf("the keys are %d, the second last used %v", len(keys), keys[1].LastUse)
	}
}

func someCode(id string, at time.Time) haechi.EnrolCode {
	return haechi.EnrolCode{ID: id, Hash: haechi.Secret{0, 1, 254, 255}, Service: "bots", Bot: "도매까봇", Label: "3층 창고",
		Uses: 5, Used: 2, Created: at, Until: at.Add(time.Hour), By: "kim"}
}

func enrolCodes(t *testing.T, b Backend) {
	s := opened(t, b)
	one, two := someCode("AAAAA", Now().Add(1)), someCode("BBBBB", Now())
	two.Bot, two.Label, two.EndedAt, two.EndedBy = "", "", Now().Add(5), "lee"
	check(t, s.Codes.SaveCode(t.Context(), &one))
	check(t, s.Codes.SaveCode(t.Context(), &two))
	got, err := s.Codes.Codes(t.Context())
	check(t, err)
	equal(t, got, []haechi.EnrolCode{two, one})
	one.Used = 3
	check(t, s.Codes.SaveCode(t.Context(), &one))
	check(t, s.Codes.DeleteCode(t.Context(), "BBBBB"))
	check(t, s.Codes.DeleteCode(t.Context(), "BBBBB"))
	got, err = s.Codes.Codes(t.Context())
	check(t, err)
	equal(t, got, []haechi.EnrolCode{one})
}

// enrol: the use, the device and its key come together and outlive a restart.
func enrol(t *testing.T, b Backend) {
	open := b(t)
	s := open(t)
	c, d := someCode("AAAAA", Now()), someDevice("LOA.i/1")
	check(t, s.Codes.SaveCode(t.Context(), &c))
	c.Used++
	k := haechi.Key{ID: "k1", Secret: c.Hash, Salt: haechi.Secret{}, Created: Now(), Code: c.ID}
	check(t, s.Codes.Enrol(t.Context(), &c, &d, &k))
	check(t, s.Close())

	s = open(t)
	defer func() { check(t, s.Close()) }()
	codes, err := s.Codes.Codes(t.Context())
	check(t, err)
	equal(t, codes, []haechi.EnrolCode{c})
	keys, err := s.Devices.Keys(t.Context(), d.Key)
	check(t, err)
	equal(t, keys, []haechi.Key{k})
	d.Keys = []haechi.KeyInfo{{ID: "k1", Created: Now(), Code: c.ID}}
	got, err := s.Devices.Devices(t.Context())
	check(t, err)
	equal(t, got, []haechi.Device{d})
}

// auditAbout: one subject's entries, byte for byte, newest first.
func auditAbout(t *testing.T, b Backend) {
	s := opened(t, b)
	var want []haechi.AuditEntry
	for i, subject := range []string{"LOA.i/1", "loa.i/1", "LOA.i/10", "LOA.i/1", "LOA.i/1"} {
		e := haechi.AuditEntry{Time: Now().Add(time.Duration(i)), By: "kim", Via: "cli", Action: "device.status", Subject: subject}
		check(t, s.Audit.AppendAudit(t.Context(), &e))
		if subject == "LOA.i/1" {
			want = append([]haechi.AuditEntry{e}, want...)
		}
	}
	got, err := s.History.AuditAbout(t.Context(), "LOA.i/1", 0)
	check(t, err)
	equal(t, got, want)
	got, err = s.History.AuditAbout(t.Context(), "LOA.i/1", 2)
	check(t, err)
	equal(t, got, want[:2])
	got, err = s.History.AuditAbout(t.Context(), "nobody/1", 2)
	check(t, err)
	if len(got) != 0 {
		t.Errorf("entries about nobody: %+v", got)
	}
}
