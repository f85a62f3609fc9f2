package config

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"haechi"
)

// compile turns the raw shape into the one that app works with. The raw shape has
// been validated, so nothing here can fail.
func compile(f *rawFile) *Config {
	c := &Config{
		State: f.State, User: f.User, Zone: f.Zone.location(),
		Console: Console{Listen: string(f.Console.Listen), Cert: f.Console.Cert, Key: f.Console.Key, Language: f.Console.Language},
		Metrics: Metrics{Listen: string(f.Metrics.Listen)},
		Client:  Client{IPv6Prefix: f.Client.IPv6Prefix},
		Allow:   prefixes(f.Allow), TrustedProxies: prefixes(f.TrustedProxies),
		Site:   compileSite(&f.Site),
		Sensor: compileSensor(&f.Sensor),
		Rules:  make(map[string]Rule, len(f.Rules)),
		Decide: compileDecide(&f.Decide),
		Attack: compileAttack(&f.Attack),
		Shield: compileShield(&f.Shield),
		Alerts: Alerts{Webhook: f.Alerts.Webhook.URLFile, Slack: f.Alerts.Slack.URLFile, AtLeast: severity(f.Alerts.AtLeast)},
		Records: Records{
			Store:   RecordStore{DSNFile: f.Records.DSNFile, CAFile: f.Records.CAFile, Pool: f.Records.Pool, Spool: int64(f.Records.Spool)},
			Backups: f.Records.Backups, SecurityLog: f.Records.SecurityLog,
			Events: time.Duration(f.Records.Events), Messages: time.Duration(f.Records.Messages),
			Connections: time.Duration(f.Records.Connections), Findings: time.Duration(f.Records.Findings),
			Queries: time.Duration(f.Records.Queries),
		},
	}
	for _, name := range slices.Sorted(maps.Keys(f.Services)) {
		s := f.Services[name]
		c.Services = append(c.Services, compileService(name, &s, f.Zone))
	}
	for id, r := range f.Rules {
		c.Rules[id] = Rule{
			Mode: mode(r.Mode), Threshold: r.Threshold, Window: time.Duration(r.Window), Hours: string(r.Hours),
			Zone: string(r.Zone), For: time.Duration(r.For), Action: action(r.Action), HasAction: r.Action != "", Parameters: parameterTexts(r.Parameters),
		}
	}
	return c
}

func compileShield(s *rawShield) Shield {
	out := Shield{Kernel: s.Kernel, Interfaces: s.Interfaces, Pins: s.Pins, Socket: s.Socket,
		SourceRate: Rate(s.SourceRate), SourceWatch: s.SourceMode == "watch", OpenRate: Rate(s.OpenRate),
		PingRate: Rate(s.PingRate), FragmentRate: Rate(s.PieceRate), CrowdWatch: s.CrowdMode == "watch", Reflection: s.Reflection, From: action(s.From)}
	for _, l := range s.Lists {
		out.Lists = append(out.Lists, DenyList{Name: l.Name, File: l.File, Mode: mode(l.Mode)})
	}
	return out
}

func compileAttack(a *rawAttack) Attack {
	highest, _ := haechi.ParseStage(a.Highest) // it was checked against the same names
	return Attack{Mode: mode(a.Mode), Highest: highest, Calm: time.Duration(a.Calm), New: Rate(a.New), SYN: Rate(a.SYN), Echo: Rate(a.Echo)}
}

func compileSite(s *rawSite) Site {
	r := &s.Roles
	return Site{Networks: prefixes(s.Networks), Monitoring: prefixes(r.Monitoring), Backup: prefixes(r.Backup),
		Directory: prefixes(r.Directory), Scanner: prefixes(r.Scanner), Admin: prefixes(r.Admin)}
}

func compileSensor(s *rawSensor) Sensor {
	out := Sensor{Interfaces: s.Interfaces, Patterns: s.Patterns, Flows: s.Flows, Closeups: s.Closeups, Conntrack: s.Conntrack, NetFlow: compileNetFlow(&s.NetFlow), SFlow: compileNetFlow(&s.SFlow)}
	for _, l := range s.Logs {
		out.Logs = append(out.Logs, Log(l))
	}
	return out
}

func compileNetFlow(n *rawNetFlow) NetFlow {
	return NetFlow{Listen: string(n.Listen), Exporters: prefixes(n.Exporters)}
}

func parameterTexts(parameters map[string]parameter) map[string]string {
	out := make(map[string]string, len(parameters))
	for name, p := range parameters {
		out[name] = string(p)
	}
	return out
}

func compileService(name string, s *rawService, fallback zone) Service {
	z := s.Zone
	if z == "" {
		z = fallback
	}
	out := Service{
		Name: name, Kind: s.Kind, Profile: s.Profile, Upstream: s.Upstream, Others: others(s.Upstreams), Behind: compileBehind(&s.UpstreamTLS), Hosts: s.Hosts,
		TLS:           TLS{Policy: s.TLS.Policy, Cert: s.TLS.Cert, Key: s.TLS.Key, DevCA: s.TLS.DevCA, ACME: compileACME(&s.TLS.ACME), HTTP3: s.TLS.HTTP3, Plain: s.TLS.Plain == "allow", Clients: compileClients(&s.TLS.Clients)},
		ProxyProtocol: prefixes(s.ProxyProtocol), Zone: z.location(),
		Limits: compileLimits(s),
		Access: Access{Mode: mode(s.Access.Mode), Allow: prefixes(s.Access.Allow), Deny: prefixes(s.Access.Deny), AllowCerts: s.Access.Certificates.Allow, DenyCerts: s.Access.Certificates.Deny},
		Device: Device{
			Skew: time.Duration(s.Device.Skew), Hold: time.Duration(s.Device.Hold),
			PendingCap: s.Device.Pending, KeyOverlap: time.Duration(s.Device.KeyOverlap),
			Binding: wordOf[haechi.Binding](s.Device.Binding, "off", "accept", "require"), KeysFile: s.Device.KeysFile, Exempt: s.Device.Exempt,
			Database: compileDatabase(&s.Device.Database),
			Pin:      wordOf[haechi.PinMode](s.Device.Pin, "first", "equal", "off"),
		},
		Timeouts: Timeouts{
			Handshake: time.Duration(s.Timeouts.Handshake), Idle: time.Duration(s.Timeouts.Idle),
			Header: time.Duration(s.Timeouts.Header), Body: time.Duration(s.Timeouts.Body), Send: time.Duration(s.Timeouts.Send), Upgraded: time.Duration(s.Timeouts.Upgraded), Upstream: time.Duration(s.Timeouts.Upstream),
		},
	}
	if len(s.Upstreams) > 0 {
		out.Upstream = s.Upstreams[0]
	}
	for _, l := range s.Listen {
		out.Listen = append(out.Listen, string(l))
	}
	for _, l := range s.Redirect {
		out.Redirect = append(out.Redirect, string(l))
	}
	if s.Kind == kindHTTP {
		out.Headers = compileHeaders(&s.Headers)
		out.WAF = compileWAF(name, &s.WAF)
	}
	if s.Kind == kindTCP {
		out.TCP = compileTCP(&s.TCP)
	}
	for _, r := range s.Routes {
		out.Routes = append(out.Routes, Route{Path: r.Path, Class: r.Class, Rate: Rate(r.Rate)})
	}
	return out
}

func compileTCP(t *rawTCP) TCP {
	out := TCP{CloseWhenDown: t.WhenDown == "close"}
	switch t.SendProxy {
	case "v1":
		out.SendProxy = 1
	case "v2":
		out.SendProxy = 2
	}
	for _, n := range t.Names {
		out.Names = append(out.Names, Name(n))
	}
	return out
}

// others are the servers beyond the first.
func others(all []string) []string {
	if len(all) < 2 {
		return nil
	}
	return all[1:]
}

// compileLimits leaves out what is for the other kinds of service.
func compileLimits(s *rawService) Limits {
	l := &s.Limits
	out := Limits{
		Mode: mode(l.Mode), Address: Rate(l.Address), Connections: l.Connections, MaxConnections: l.MaxConnections,
		NewConnections: Rate(l.NewConnections),
	}
	switch s.Kind {
	case kindTCP:
		out.Pause, out.BytesIn, out.BytesOut, out.MinRate = time.Duration(l.Pause), int64(l.BytesIn), int64(l.BytesOut), int64(l.MinRate)
		return out
	case kindDevice:
		for _, r := range l.Device {
			out.Device = append(out.Device, Rate(r))
		}
		out.Pause, out.FrameIn, out.FrameOut = time.Duration(l.Pause), int(l.FrameIn), int(l.FrameOut)
		return out
	}
	out.Classes = make(map[string]Rate, len(l.Classes))
	for name, r := range l.Classes {
		out.Classes[name] = Rate(r)
	}
	out.Body, out.Header, out.MinRate = int64(l.Body), int(l.Header), int64(l.MinRate)
	out.InFlight, out.ClientInFlight, out.Cost = l.InFlight, l.ClientInFlight, Spend(l.Cost)
	out.Pause, out.BytesIn, out.BytesOut = time.Duration(l.Pause), int64(l.BytesIn), int64(l.BytesOut)
	u := &l.Upgraded
	out.Upgraded = Upgraded{Connections: u.Connections, MaxConnections: u.MaxConnections, Message: int64(u.Message),
		Messages: Rate(u.Messages), Lifetime: time.Duration(u.Lifetime)}
	return out
}

// compileDecide says "never" in the way that the decider understands: its zero
// values mean its defaults.
func compileDecide(d *rawDecide) Decide {
	shared := d.Shared
	if shared == 0 {
		shared = -1
	}
	return Decide{
		Mode: mode(d.Mode), WatchAt: d.WatchAt, ThrottleAt: d.ThrottleAt, ChallengeAt: d.ChallengeAt,
		DenyAt: d.DenyAt, DropAt: d.DropAt,
		OnHigh: action(d.OnHigh), OnCritical: action(d.OnCritical), HalfLife: time.Duration(d.HalfLife), Base: time.Duration(d.Base),
		Max: time.Duration(d.Max), SharedDevices: shared,
	}
}

func prefixes(list []network) []netip.Prefix {
	out := make([]netip.Prefix, 0, len(list))
	for _, n := range list {
		out = append(out, netip.Prefix(n))
	}
	return out
}

// mode, action and severity read words that the loader has checked against the
// dictionary's own; a test holds both lists together.

func mode(text string) (m haechi.Mode) {
	if m.UnmarshalText([]byte(text)) != nil {
		return haechi.Enforce
	}
	return m
}

func action(text string) haechi.Action {
	a, err := haechi.ParseAction(text)
	if err != nil {
		return haechi.Pass
	}
	return a
}

func severity(text string) (s haechi.Severity) {
	if s.UnmarshalText([]byte(text)) != nil {
		return haechi.Info
	}
	return s
}
