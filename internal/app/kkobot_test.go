package app_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/app"
	"haechi/internal/config"
)

// kkobotKeys is a file of kkobot's own shape, with the vectors' key: the one bot in
// the usual order, the other in its own.
const kkobotKeys = `{"auth_enabled": true, "default_policy": "deny", "clients": {"MessengerBotR": {"handler": "h", "auth_validator": "v"}},
 "bots": {
  "LOA.i": {"auth_type": "hmac", "secret_key": "example-shared-key-do-not-use", "salt": "example-salt", "validate_ip": true, "validate_mac": true, "validate_uuid": true,
   "allowed_devices": [{"uuid": "0123456789abcdef", "mac_addresses": ["02:00:00:00:00:00"], "ip_addresses": ["192.168.0.0/24"], "status": "approved"}]},
  "LOA.hash": {"secret_key": "example-shared-key-do-not-use", "salt": "example-salt", "custom_auth_logic": "hash",
   "allowed_devices": [{"uuid": "0123456789abcdef"}]}}}`

func kkobotFrame(bot, ip, signature string) string {
	return fmt.Sprintf(`{"event":"analyze","data":{"room":"r","text":"t","botName":%q,"auth":{"clientType":"MessengerBotR","botName":%q,"deviceUUID":"0123456789abcdef",`+
		`"deviceID":"d1","macAddress":"02:00:00:00:00:00","ipAddress":%q,"timestamp":1753412789123,"version":"3.2.0","signature":%q}}}`+"\n", bot, bot, ip, signature)
}

// The protocol page's vectors pass through the real verifier with the keys of a bot,
// each in its order and in no other.
func TestKkobot(t *testing.T) {
	p, err := app.LoadProfile("kkobot")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "auth_config.json")
	// The third vector's bot is LOA.i: the test gives that name to the other order.
	const usual, hash = "c3b762c2a87c1a3edfd65e5897dac83686f6cdca4cef1754ce17dc093e1e7829", "74ea7dc54e21465dcdd752f22dc32362ff80e616216dfba3ad56f4e196b29dbe"
	swapped := strings.NewReplacer(`"LOA.i"`, `"LOA.usual"`, `"LOA.hash"`, `"LOA.i"`).Replace(kkobotKeys)
	for _, tt := range []struct {
		name, file, bot, ip, signature string
		want                           haechi.Reason
	}{
		{"usual order", kkobotKeys, "LOA.i", "192.168.0.15", usual, ""},
		{"its own order", swapped, "LOA.i", "192.168.0.15", hash, ""},
		{"the usual order of a bot with its own", swapped, "LOA.i", "192.168.0.15", usual, haechi.ReasonHMACFailed},
		{"its own order of a bot with the usual", kkobotKeys, "LOA.i", "192.168.0.15", hash, haechi.ReasonHMACFailed},
		{"another address", kkobotKeys, "LOA.i", "192.168.1.15", usual, haechi.ReasonHMACFailed},
		{"an address that is not listed", strings.Replace(kkobotKeys, "192.168.0.0/24", "10.0.0.0/8", 1), "LOA.i", "192.168.0.15", usual, haechi.ReasonUnauthorized},
		{"a device that is not listed", strings.Replace(kkobotKeys, `"uuid": "0123456789abcdef", "mac`, `"uuid": "another", "mac`, 1), "LOA.i", "192.168.0.15", usual, haechi.ReasonUnauthorized},
		{"a device that is blocked", strings.Replace(kkobotKeys, `"status": "approved"`, `"status": "blocked"`, 1), "LOA.i", "192.168.0.15", usual, haechi.ReasonUnauthorized},
		{"a bot that is not named", kkobotKeys, "stranger", "192.168.0.15", usual, haechi.ReasonNoKey},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := os.WriteFile(path, []byte(tt.file), 0o600); err != nil {
				t.Fatal(err)
			}
			keys, err := app.LoadKeys(path, &p.Profile)
			if err != nil {
				t.Fatal(err)
			}
			now := time.UnixMilli(1753412789123)
			trial := gateOf(t, "kkobot", haechi.BindOff, keys).Trial(haechi.Actor{}, 1, now)
			hello := fmt.Sprintf(`{"clientType":"MessengerBotR","botName":%q,"version":"3.2.0","deviceID":"d1","deviceIP":"192.168.0.15","deviceInfo":"phone"}`+"\n", tt.bot)
			out := trial.Take([]byte(hello+kkobotFrame(tt.bot, tt.ip, tt.signature)), now)
			if len(out) != 2 || !out[0].Handshake || out[1].Reason != tt.want {
				t.Errorf("%+v, want %q", out, tt.want)
			}
		})
	}
}

// What belongs to a service's profile is found before a start.
func TestCheckFindsMistakesAboutProfiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("keys.json", kkobotKeys)
	write("fleet.json", `{"keys":[{"id":"fleet-1","secret_key":"example-shared-key-do-not-use","salt":"example-salt"}]}`)
	write("bad.json", `{"bots":{"b":{}}}`)
	write("broken.yaml", "name: mine\nframing: {kind: lines}\n")
	for rest, want := range map[string]string{
		"profile: kkobot, device: {keys_file: keys.json}": "",
		"profile: kkobot": "none is named",
		"profile: kkobot, device: {keys_file: missing.json}":               "missing.json",
		"profile: kkobot, device: {keys_file: bad.json}":                   "0 keys",
		"profile: messengerbot, device: {keys_file: keys.json}":            "0 keys",
		"profile: messengerbot, device: {keys_file: fleet.json}":           "",
		"profile: kkobot, device: {keys_file: keys.json, binding: accept}": "covers the whole frame",
		"profile: signed-lines, device: {binding: require}":                "",
		"profile: broken.yaml":                                             `did you mean line?`,
		"profile: ./nowhere.yaml":                                          "nowhere.yaml",
	} {
		text := "services: { bots: { kind: device, listen: [\"127.0.0.1:0\"], upstream: \"127.0.0.1:1\", " + rest + " } }\n"
		path := filepath.Join(dir, "haechi.yaml")
		cfg, errs := config.Load(path, []byte(text))
		if errs != nil {
			t.Fatal(errs)
		}
		err := app.Check(cfg, path)
		if (err != nil) != (want != "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", rest, err)
		}
	}
}
