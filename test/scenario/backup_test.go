package scenario_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/operate/demo"
)

// TestBackupAndRestore: a copy taken under traffic is a gateway of its own, with
// the same devices, keys, decisions and an intact chain.
func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	r := run(t, settings{})
	id := r.enrol("백업봇", "1212", demo.V333)
	p := r.phone(id, 10, func(c *demo.PhoneConfig) { c.Rooms, c.Every = []string{"방"}, 20*time.Millisecond })
	stop := p.lives()
	d := asked[haechi.Decision](r, "decisions", "add", "ip:203.0.113.7", "--reason", "kept", "--for", "48h")
	r.ok("devices", "add", "다른봇/1", "--service", "bots")
	eventually(t, "some traffic", 10*time.Second, func() bool { return p.Counts().Replies > 5 })
	copied := filepath.Join(r.dir, "copy")
	r.ok("backup", copied)
	r.fails(1, []string{"exist"}, "backup", copied)
	r.fails(1, []string{"not empty"}, "backup", "restore", copied) // its state folder is in use
	before := p.Counts().Replies
	eventually(t, "the traffic to go on", 10*time.Second, func() bool { return p.Counts().Replies > before+2 })
	stop()

	// A second gateway in front of the same server, with the copy for its past.
	again := newRig(t, settings{})
	again.bots.stop()
	again.write(strings.ReplaceAll(again.text(), again.at(hostUpstream, portBotUpstream), r.at(hostUpstream, portBotUpstream)))
	again.ok("backup", "restore", copied)
	if n := asked[map[string]uint64](again, "audit", "verify", "--offline")["entries"]; n < 5 {
		t.Errorf("%d entries verified", n)
	}
	again.start()
	q := again.phone(id, 10)
	q.chats(q.connected(), "돌아왔어요")
	if ds := asked[[]haechi.Decision](again, "decisions"); len(ds) != 1 || ds[0].ID != d.ID || ds[0].Reason != "kept" {
		t.Errorf("restored decisions: %+v", ds)
	}
	keys := map[string]haechi.DeviceStatus{}
	for _, d := range asked[[]haechi.Device](again, "devices") {
		keys[d.Key] = d.Status
	}
	if fmt.Sprint(keys) != fmt.Sprint(map[string]haechi.DeviceStatus{"다른봇/1": haechi.Pending, id.Key(): haechi.Approved}) {
		t.Errorf("restored devices: %v", keys)
	}
	again.ok("audit", "verify")
	if es := asked[[]haechi.Event](again, "events", "--device", id.Key(), "--limit", "1000"); len(es) < 10 {
		t.Errorf("%d events of the past", len(es))
	}
	again.proc.Stop()
	again.fails(1, []string{"not empty"}, "backup", "restore", copied)
}
