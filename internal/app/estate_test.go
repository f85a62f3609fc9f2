package app

import (
	"net/netip"
	"testing"
	"time"

	"haechi"
	"haechi/internal/config"
	"haechi/internal/enforce/session"
	"haechi/internal/identity/signature"
)

// What an operator takes away is gone at once, also from a session that says
// nothing and only listens.
func TestDeviceChangesCutItsSessions(t *testing.T) {
	k1, k2 := haechi.KeyInfo{ID: "k1"}, haechi.KeyInfo{ID: "k2"}
	with := func(s haechi.DeviceStatus, keys ...haechi.KeyInfo) haechi.Device {
		return haechi.Device{Key: "bot/1", Status: s, Keys: keys}
	}
	for name, test := range map[string]struct {
		before, after haechi.Device
		want          haechi.Reason // "": the session goes on
	}{
		"blocked":           {with(haechi.Approved, k1), with(haechi.Blocked, k1), haechi.ReasonStatusChanged},
		"deleted":           {with(haechi.Approved, k1), haechi.Device{}, haechi.ReasonStatusChanged},
		"a key is retired":  {with(haechi.Approved, k2, k1), with(haechi.Approved, k2), haechi.ReasonKeyChanged},
		"the last key goes": {with(haechi.Approved, k1), with(haechi.Approved), haechi.ReasonKeyChanged},
		"a key is added":    {with(haechi.Approved, k1), with(haechi.Approved, k2, k1), ""},
		"nothing changes":   {with(haechi.Approved, k1), with(haechi.Approved, k1), ""},
		"a new device":      {haechi.Device{}, with(haechi.Pending), ""},
	} {
		e := &estate{now: time.Now, session: session.New(session.Config{})}
		var got haechi.Reason
		a := haechi.Actor{Addr: netip.MustParseAddr("192.0.2.7"), Assurance: haechi.Authenticated, Device: "bot/1"}
		e.session.Open("bots", a, func(v haechi.Verdict) { got = v.Reason })
		if e.deviceChanged(test.before, test.after); got != test.want {
			t.Errorf("%s: cut for %q, want %q", name, got, test.want)
		}
	}
}

// The replay memory refuses what it cannot remember, so it must hold all that a
// device within its limits may send for as long as it is remembered.
func TestReplayMemoryFitsTheLimits(t *testing.T) {
	service := func(skew time.Duration, mode haechi.Mode, device ...config.Rate) config.Config {
		return config.Config{Services: []config.Service{{Kind: kindDevice, Device: config.Device{Skew: skew},
			Limits: config.Limits{Mode: mode, Device: device}}}}
	}
	minute := config.Rate{Events: 300, Per: time.Minute}
	hour := config.Rate{Events: 10_000, Per: time.Hour}
	for name, test := range map[string]struct {
		cfg         config.Config
		least, most int
	}{
		"as shipped":        {service(300*time.Second, haechi.Enforce, minute, hour), 300 * 25, signature.DefaultShare},
		"a wide clock":      {service(time.Hour, haechi.Enforce, minute, hour), 10_000 * 5, 100_000},
		"a high limit":      {service(300*time.Second, haechi.Enforce, config.Rate{Events: 6000, Per: time.Minute}), 6000 * 25, 250_000},
		"no limit":          {service(300*time.Second, haechi.Off, minute), 1 << 18, 1 << 18},
		"a limit in shadow": {service(300*time.Second, haechi.Shadow, minute), 1 << 18, 1 << 18},
		"no device service": {config.Config{}, 0, signature.DefaultShare},
	} {
		_, _, skew := deviceBounds(&test.cfg)
		share, capacity := replayBounds(&test.cfg, skew)
		if share < test.least || share > test.most || capacity < 4*share || capacity < signature.DefaultCapacity {
			t.Errorf("%s: share %d (want %d to %d), capacity %d", name, share, test.least, test.most, capacity)
		}
	}
}
