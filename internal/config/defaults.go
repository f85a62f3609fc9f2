package config

import "time"

const (
	second = duration(time.Second)
	minute = duration(time.Minute)
	day    = duration(24 * time.Hour)

	kib = size(1 << 10)
	mib = size(1 << 20)
)

// The kinds of services.
const (
	kindDevice = "device"
	kindHTTP   = "http"
	kindTCP    = "tcp"
)

// defaults is a file in which nothing is written.
func defaults() rawFile {
	return rawFile{
		State:   "/var/lib/haechi",
		Zone:    "Local",
		Console: rawConsole{Listen: "127.0.0.1:9443"},
		Client:  rawClient{IPv6Prefix: 64},
		Decide: rawDecide{
			Mode:    "enforce",
			WatchAt: 10, ThrottleAt: 20, ChallengeAt: 40, DenyAt: 60, DropAt: 120,
			OnHigh: "throttle", OnCritical: "deny",
			HalfLife: 10 * minute, Base: 5 * minute, Max: day, Shared: 2,
		},
		Attack: rawAttack{Mode: "shadow", Highest: "cookies", Calm: 2 * minute,
			New: rate{25, time.Minute, 100}, SYN: rate{1, time.Second, 3}, Echo: rate{1, time.Second, 5}}, // row B51
		Shield: rawShield{Kernel: "off", From: "drop", SourceMode: "drop", CrowdMode: "drop", Reflection: "off", Pins: "/sys/fs/bpf/haechi"},
		Sensor: rawSensor{Flows: 1 << 20, Closeups: 16},
		Alerts: rawAlerts{AtLeast: "high"},
		Records: rawRecords{
			Pool: 20, Spool: 256 << 20,
			Events: 90 * day, Messages: 30 * day, Connections: 90 * day, Findings: 365 * day, Queries: 30 * day,
		},
	}
}

// fill is a service of the kind in which nothing is written. The limits are those
// of the source documents: rows A10 (device), B58 (address), B66 (login).
func (s *rawService) fill(kind string) {
	*s = rawService{
		Limits: rawLimits{
			Mode:    "enforce",
			Device:  []rate{{300, time.Minute, 0}, {10_000, time.Hour, 0}, {100_000, 24 * time.Hour, 0}},
			Address: rate{100, time.Second, 0}, Connections: 10, MaxConnections: 65_536,
			Classes:  map[string]rate{"login": {5, time.Second, 10}},
			InFlight: 2048, ClientInFlight: 100, Cost: spend{200 * time.Millisecond, time.Second, 5 * time.Second},
			Pause: second, Body: 10 * mib, Header: 32 * kib, FrameIn: mib, FrameOut: 32 * mib,
		},
		Access:   rawAccess{Mode: "enforce"},
		Headers:  safeHeaders(),
		WAF:      defaultWAF(),
		Device:   rawDevice{Skew: 300 * second, Hold: 60 * second, Pending: 1000, KeyOverlap: 7 * day, Binding: "off", Pin: "first"},
		Timeouts: rawWaits{Handshake: 10 * second, Idle: 10 * minute, Header: 10 * second, Body: 60 * second, Send: 30 * second, Upgraded: 10 * minute, Upstream: 30 * second},
	}
	switch kind {
	case kindDevice:
		s.Profile = "messengerbot"
		s.Timeouts.Upstream = 5 * second
	case kindTCP:
		s.TCP = rawTCP{SendProxy: "off", WhenDown: "close"}
		s.Timeouts.Upstream = 5 * second
	case kindHTTP:
		s.Timeouts.Idle = 75 * second
		s.Limits.MinRate = kib
	}
}

// safeHeaders break no page that works: a short HSTS, and a policy that only reports.
// The rows are B24 to B29, corrected as flaws F55 to F57 say.
func safeHeaders() rawHeaders {
	return rawHeaders{
		Mode: "enforce", HSTS: 5 * minute, Frames: "self", Referrer: "strict-origin-when-cross-origin",
		Cookies: rawCookies{Secure: true, HTTPOnly: true, Readable: []string{"XSRF-TOKEN", "csrftoken"}, SameSite: "lax"},
		CSP: rawCSP{Mode: "shadow", Policy: "default-src 'self'; img-src 'self' data:; " +
			"object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"},
	}
}
