package credentials

import (
	"net/netip"
	"time"

	"haechi"
	"haechi/internal/brick/lru"
	"haechi/internal/detect"
)

// TelnetConfig are the parameters of [Telnet].
type TelnetConfig struct {
	Again time.Duration // an incident is over after so long without Telnet
	Hosts int           `least:"16" most:"1000000"`
}

// TelnetDefaults are the parameters as shipped: a host is told of once, unless it was
// quiet for a week.
func TelnetDefaults() TelnetConfig { return TelnetConfig{Again: 7 * 24 * time.Hour, Hosts: 4096} }

// Telnet finds hosts of ours that speak Telnet, by which everything is said in clear (row
// B11). What was answered in Telnet counts and not the port. It is used by one goroutine.
type Telnet struct {
	rule  detect.Rule
	site  detect.Site
	cfg   TelnetConfig
	hosts *lru.Table[netip.Addr, spoken]
}

type spoken struct {
	attack   detect.Attack
	sessions int
	logins   int
}

// NewTelnet returns a detector.
func NewTelnet(rule detect.Rule, site detect.Site, cfg TelnetConfig) *Telnet {
	return &Telnet{rule: rule, site: site, cfg: cfg, hosts: lru.New[netip.Addr, spoken](cfg.Hosts, int64(cfg.Again), lru.Addr)}
}

// Refused counts hosts that found no room.
func (d *Telnet) Refused() uint64 { return d.hosts.Refused() }

// Observe implements the pipeline's detector.
func (d *Telnet) Observe(e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	if e.Protocol != "telnet" || e.Sensor != "capture" || !d.site.Internal(e.Target) {
		return out
	}
	session := e.Kind == haechi.KindFlow && e.Phase == haechi.FlowEnd && e.BytesOut > 0 && e.Assurance >= haechi.Handshaken
	login := e.Kind == haechi.KindAuth && e.Outcome == haechi.Success
	if !session && !login {
		return out
	}
	h, _ := d.hosts.Use(e.Target, e.Time.UnixNano())
	if h == nil {
		return out
	}
	severity := haechi.Low
	if login {
		h.logins++
		if !d.site.Internal(e.Addr) {
			severity = haechi.Medium
		}
	} else {
		h.sessions++
	}
	return h.attack.Tell(d.finding(e, h, severity), "telnet "+e.Target.String(), 1, out)
}

func (d *Telnet) finding(e *haechi.Event, h *spoken, severity haechi.Severity) haechi.Finding {
	f := d.rule.Finding(e.Time, e.Actor)
	f.User = ""
	f.About = haechi.Scope{Kind: haechi.ScopeService, Value: e.Target.String()}
	f.Want, f.For = haechi.Pass, 0
	f.Severity = min(d.rule.Severity, severity)
	f.First, f.Last, f.Window = e.Time, e.Time, d.cfg.Again
	f.Target, f.Targets, f.Observed = netip.PrefixFrom(e.Target, e.Target.BitLen()), 1, float64(h.sessions+h.logins)
	f.Reasons = [4]haechi.Fact{{Name: "sessions", Value: float64(h.sessions)}, {Name: "logins", Value: float64(h.logins)}}
	f.Evidence = []haechi.Event{*e}
	return f
}

// Tick implements the pipeline's detector.
func (d *Telnet) Tick(now time.Time, out []haechi.Finding) []haechi.Finding {
	d.hosts.Expire(now.Add(-d.cfg.Again).UnixNano(), func(_ netip.Addr, h *spoken) { out = h.attack.End(now, out) })
	return out
}
