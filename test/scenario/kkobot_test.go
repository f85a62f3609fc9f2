package scenario_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/operate/demo"
)

// botFile is a key file of kkobot's shape with one bot and one allowed device.
func botFile(secret, uuid, network string) string {
	return fmt.Sprintf(`{"auth_enabled": true, "default_policy": "deny", "bots": {"옛봇": {"secret_key": %q, "salt": "example-salt",
  "allowed_devices": [{"uuid": %q, "ip_addresses": [%q], "status": "approved"}]}}}`, secret, uuid, network)
}

// TestKkobot: a phone of the older servers comes in with its bot's key, once it is
// approved; another key, another device or another network does not. A reload takes a
// changed file, and a file that others may read is warned about.
func TestKkobot(t *testing.T) {
	t.Parallel()
	const secret = "example-key-of-a-bot-do-not-use"
	r := newRig(t, settings{bots: "profile: kkobot\ndevice: { hold: 1s, keys_file: keys.json }"})
	keys := filepath.Join(r.dir, "keys.json")
	id := demo.Identity{Bot: "옛봇", Serial: "0123456789abcdef", Shape: demo.V32, Secret: haechi.Secret(secret), Salt: haechi.Secret("example-salt")}
	must(t, os.WriteFile(keys, []byte(botFile(secret, id.Serial, "0.0.0.0/0")), 0o644))
	r.start()
	if !strings.Contains(r.proc.Errors(), "chmod 600") || strings.Contains(r.proc.Errors(), secret) {
		t.Errorf("the log says %s", r.proc.Errors())
	}
	r.phone(id, 10).refused(t) // nobody has approved it
	r.ok("devices", "approve", id.Key())
	p := r.phone(id, 10)
	p.chats(p.connected(), "안녕")
	stranger := id
	stranger.Secret = haechi.Secret("another")
	r.phone(stranger, 11).refused(t)

	for file, reason := range map[string]string{
		botFile("a-new-key-do-not-use", id.Serial, "0.0.0.0/0"): "hmac_failed",
		botFile(secret, "fedcba9876543210", "0.0.0.0/0"):        "unauthorized",
		botFile(secret, id.Serial, "203.0.113.0/24"):            "unauthorized",
	} {
		must(t, os.WriteFile(keys, []byte(file), 0o600))
		r.ok("reload")
		r.phone(id, 12).refused(t)
		eventually(t, reason, 10*time.Second, func() bool {
			e := asked[[]haechi.Event](r, "events", "--failures", "--device", id.Key(), "--limit", "1")
			return len(e) == 1 && string(e[0].Reason) == reason
		})
	}
	if strings.Contains(r.proc.Errors(), secret) {
		t.Error("the log holds the key")
	}
}
