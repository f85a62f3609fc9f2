package botkeys_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/identity/botkeys"
)

// scheme is that of the kkobot profile: uuid, mac and address are its parts 2 to 4.
func scheme() *haechi.Scheme {
	return &haechi.Scheme{Digest: -1, UUID: 2, MAC: 3, Addr: 4, Strings: []haechi.SignString{
		{Order: []int{0, 1, 2, 3, 4, 5, haechi.SaltPart}, Delimiter: "|"}, {Name: "hash", Order: []int{0, 1, 2, haechi.SaltPart, 5}, Delimiter: "#"}}}
}

func load(text string) (*botkeys.Ring, error) {
	return botkeys.Load([]byte(text), botkeys.Options{Scheme: scheme(), Usable: func(s haechi.Secret) bool { return len(s) > 0 }})
}

func must(t *testing.T, text string) *botkeys.Ring {
	t.Helper()
	r, err := load(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const file = `{"auth_enabled":true,"default_policy":"deny","clients":{"MessengerBotR":{"handler":"x"}},"bots":{
 "LOA.i":{"auth_type":"hmac","secret_key":"one","salt":"s","allowed_devices":[
   {"uuid":"u1","mac_addresses":["02:00:00:00:00:00"],"ip_addresses":["192.168.0.0/24","10.0.0.7"],"status":"approved"},
   {"uuid":"u2","mac_addresses":["02:00:00:00:00:00"],"ip_addresses":["192.168.0.0/24"],"status":"blocked"}]},
 "open":{"secret_key":"two","salt":"s"},
 "nobody":{"secret_key":"three","salt":"s","allowed_devices":[]},
 "hash":{"secret_key":"four","salt":"s","custom_auth_logic":"hash","validate_ip":false,"validate_mac":false,"allowed_devices":[{"uuid":"u1","ip_addresses":["1.2.3.4"]}]}}}`

func claim(device, uuid, mac, ip string) *haechi.Claim {
	c := &haechi.Claim{Device: device, N: 6}
	c.Parts[2], c.Parts[3], c.Parts[4] = []byte(uuid), []byte(mac), []byte(ip)
	return c
}

func TestAllowedDevices(t *testing.T) {
	r := must(t, file)
	const mac = "02:00:00:00:00:00"
	for _, tt := range []struct {
		c    *haechi.Claim
		want bool
	}{
		{claim("LOA.i/d", "u1", mac, "192.168.0.15"), true},
		{claim("LOA.i/d", "u1", mac, "10.0.0.7"), true},
		{claim("LOA.i/d", "u1", strings.ToUpper(mac), "::ffff:10.0.0.7"), true},
		{claim("LOA.i/d", "u1", mac, "10.0.0.8"), false},
		{claim("LOA.i/d", "u1", mac, "unknown"), false},
		{claim("LOA.i/d", "u1", "02:00:00:00:00:01", "10.0.0.7"), false},
		{claim("LOA.i/d", "u2", mac, "192.168.0.15"), false},
		{claim("LOA.i/d", "", mac, "192.168.0.15"), false},
		{claim("open/d", "", "", ""), true},
		{claim("nobody/d", "u1", mac, "10.0.0.7"), false},
		{claim("stranger/d", "u1", mac, "10.0.0.7"), false},
		{claim("hash/d", "u1", "", ""), true},
	} {
		if got := r.Admits(tt.c); got != tt.want {
			t.Errorf("%s with %q: %t", tt.c.Device, tt.c.Parts[2:5], got)
		}
	}
}

func TestKeysOfBots(t *testing.T) {
	r, now := must(t, file), time.Unix(1753412789, 0)
	for device, want := range map[string]string{"LOA.i/d": "one", "open/x": "two", "hash/d": "four", "stranger/d": "", "LOA.i": ""} {
		keys := r.Keys(device, now)
		got := ""
		if len(keys) > 0 {
			got = string(keys[0].Secret)
		}
		if got != want {
			t.Errorf("%s: %q, want %q", device, got, want)
		}
	}
	if k := r.Keys("hash/d", now)[0]; k.Variant != "hash" || k.ID != "file" {
		t.Errorf("%+v", k)
	}
}

func TestKeysEnd(t *testing.T) {
	r := must(t, `{"bots":{"b":{"keys":[{"id":"old","secret_key":"a","until":"2026-01-01T00:00:00Z"},{"id":"new","secret_key":"b"},{"id":"next","secret_key":"c","until":"2026-02-01T00:00:00Z"}]}}}`)
	for at, want := range map[string]string{"2025-12-31T23:59:59Z": "new next old", "2026-01-01T00:00:00Z": "new next", "2027-01-01T00:00:00Z": "new"} {
		now, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, k := range r.Keys("b/d", now) {
			ids = append(ids, k.ID)
		}
		if got := strings.Join(ids, " "); got != want {
			t.Errorf("%s: %q, want %q", at, got, want)
		}
	}
}

func TestGlobalKeys(t *testing.T) {
	r, err := botkeys.Load([]byte(`{"keys":[{"secret_key":"a"}]}`), botkeys.Options{Scheme: scheme(), Global: true, Usable: func(haechi.Secret) bool { return true }})
	if err != nil {
		t.Fatal(err)
	}
	if k := r.Keys("anybody/at all", time.Now()); len(k) != 1 || k[0].ID != "file1" || !r.Admits(claim("anybody/at all", "", "", "")) {
		t.Errorf("%+v", k)
	}
}

func TestWrongFilesSayWhat(t *testing.T) {
	for text, want := range map[string]string{
		``:                                     "",
		`[]`:                                   "",
		`{"bots":{}}`:                          "no bot",
		`{"bots":{"b":{}}}`:                    "0 keys",
		`{"bots":{"b":{"secret_key":"a"}}} {}`: "behind",
		`{"bots":{"b":{"secret_key":"a","validate_ipp":true}}}`:                                                                     "validate_ipp",
		`{"auth_enabled":false,"bots":{"b":{"secret_key":"a"}}}`:                                                                    "auth_enabled",
		`{"default_policy":"allow","bots":{"b":{"secret_key":"a"}}}`:                                                                "default_policy",
		`{"bots":{"b":{"secret_key":"a","custom_auth_logic":"odd"}}}`:                                                               "odd",
		`{"bots":{"b":{"secret_key":"a","allowed_devices":[{}]}}}`:                                                                  "known by nothing",
		`{"bots":{"b":{"secret_key":"a","validate_ip":true,"allowed_devices":[{"uuid":"u"}]}}}`:                                     "validates ip",
		`{"bots":{"b":{"secret_key":"a","allowed_devices":[{"ip_addresses":["10.0.0.0/33"]}]}}}`:                                    "10.0.0.0/33",
		`{"bots":{"b":{"secret_key":"a","custom_auth_logic":"hash","allowed_devices":[{"uuid":"u","ip_addresses":["10.0.0.1"]}]}}}`: "do not sign",
		`{"bots":{"b":{"keys":[{"id":"k","secret_key":"a"},{"id":"k","secret_key":"b"}]}}}`:                                         "two keys",
	} {
		_, err := load(text)
		var e *haechi.Error
		if !errors.As(err, &e) || e.Kind != haechi.Invalid || e.Hint == "" || !strings.Contains(e.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestNoErrorShowsASecret(t *testing.T) {
	const secret = "hunter2hunter2"
	for _, text := range []string{
		`{"bots":{"b":{"secret_key":"` + secret + `","salt":7}}}`,
		`{"bots":{"b":{"secret_key":"` + secret + `","custom_auth_logic":"odd"}}}`,
		`{"bots":{"b":{"secret_key":["` + secret + `"]}}}`,
		`{"bots":{"b":{"secret_key":"` + secret + `"`,
	} {
		if _, err := load(text); err == nil || strings.Contains(fmt.Sprintf("%v %+v", err, err), secret) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestAskingAllocatesNothing(t *testing.T) {
	r, now := must(t, file), time.Unix(1753412789, 0)
	c := claim("LOA.i/d", "u1", "02:00:00:00:00:00", "192.168.0.15")
	r.Admits(c)
	if n := testing.AllocsPerRun(100, func() {
		if len(r.Keys(c.Device, now)) != 1 || !r.Admits(c) {
			t.Fatal("refused")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzLoad: whatever the file, Load answers with keys or a reason, and a bot that it
// does not name has none.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(file))
	f.Add([]byte(`{"keys":[{"secret_key":"a","until":"2026-01-01T00:00:00Z"}]}`))
	f.Fuzz(func(t *testing.T, src []byte) {
		for _, global := range []bool{false, true} {
			r, err := botkeys.Load(src, botkeys.Options{Scheme: scheme(), Global: global, Usable: func(s haechi.Secret) bool { return len(s) > 0 }})
			if (r == nil) == (err == nil) {
				t.Fatalf("ring %v, error %v", r, err)
			}
			if err == nil && !global {
				const never = "a bot that no file names\x01/d"
				if len(r.Keys(never, time.Time{})) > 0 || r.Admits(claim(never, "", "", "")) {
					t.Fatal("a stranger has a key")
				}
			}
		}
	})
}
