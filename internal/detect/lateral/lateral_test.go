package lateral_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"haechi"
	"haechi/internal/detect"
	"haechi/internal/detect/lateral"
)

type site struct{ roles map[string]detect.Role }

func (site) Internal(a netip.Addr) bool { return a.IsPrivate() }
func (site) Listed(netip.Addr) bool     { return false }

func (s site) Role(a netip.Addr) detect.Role { return s.roles[a.String()] }

var began = time.Date(2026, 3, 4, 9, 0, 0, 0, time.UTC)

// play runs events, one every five seconds from the second hour on.
func play(s site, events ...haechi.Event) []haechi.Finding {
	d := lateral.New(detect.Rule{ID: "network/lateral-movement", Version: 1, Detector: "lateral_movement", Technique: "T1021", Severity: haechi.Critical}, s, lateral.Defaults())
	first := flow("10.9.0.1", "10.9.0.2", 443)
	first.Time = began
	out := d.Observe(&first, nil)
	at := began.Add(time.Hour)
	for i := range events {
		at = at.Add(5 * time.Second)
		events[i].Time = at
		out = d.Observe(&events[i], out)
		out = d.Tick(at, out)
	}
	return d.Tick(at.Add(24*time.Hour), out)
}

func between(kind haechi.Kind, from, to string) haechi.Event {
	a := netip.MustParseAddr(from)
	return haechi.Event{Kind: kind, Outcome: haechi.Success, Actor: haechi.Actor{Addr: a, Client: netip.PrefixFrom(a, 32), Assurance: haechi.Handshaken},
		Flow: haechi.Flow{Sensor: "capture", Target: netip.MustParseAddr(to), Transport: haechi.TCP}}
}

func call(from, to, operation, name string) haechi.Event {
	e := between(haechi.KindCall, from, to)
	e.Protocol, e.Type, e.Name = "dcerpc", operation, name
	return e
}

func flow(from, to string, port uint16) haechi.Event {
	e := between(haechi.KindFlow, from, to)
	e.Phase, e.State, e.LocalPort = haechi.FlowUpdate, haechi.FlowEstablished, port
	return e
}

const (
	worker = "10.0.0.7"
	other  = "10.0.0.8"
	dc     = "10.0.0.2"
)

func times(n int, e haechi.Event) (out []haechi.Event) {
	for range n {
		out = append(out, e)
	}
	return out
}

// roast asks tickets sealed with RC4 for n services.
func roast(from string, n int, service string) (out []haechi.Event) {
	for i := range n {
		out = append(out, call(from, dc, "kerberos.TGSWithRC4", fmt.Sprintf(service, i)))
	}
	return out
}

func fan(from string, n int, port uint16) (out []haechi.Event) {
	for i := range n {
		out = append(out, flow(from, fmt.Sprintf("10.0.1.%d", i+1), port))
	}
	return out
}

func TestMustFire(t *testing.T) {
	for name, c := range map[string]struct {
		events    []haechi.Event
		technique string
		severity  haechi.Severity
	}{
		"service made":       {[]haechi.Event{call(worker, other, "svcctl.CreateServiceW", "x")}, "T1543.003", haechi.High},
		"service started":    {[]haechi.Event{call(worker, other, "svcctl.StartServiceA", "")}, "T1569.002", haechi.Medium},
		"task":               {[]haechi.Event{call(worker, other, "tsch.SchRpcRegisterTask", "")}, "T1053.005", haechi.High},
		"method through WMI": {[]haechi.Event{call(worker, other, "IWbemServices.ExecMethod", "")}, "T1047", haechi.High},
		"object used":        {[]haechi.Event{call(worker, other, "IRemoteSCMActivator.RemoteCreateInstance", "MMC20.Application"), call(worker, other, "IDispatch.Invoke", "")}, "T1021.003", haechi.High},
		"executable":         {[]haechi.Event{call(worker, other, "smb.WriteExecutable", `C$\ProgramData\a.exe`)}, "T1570", haechi.High},
		"shell":              {[]haechi.Event{call(worker, other, "winrm.Encrypted", "powershell")}, "T1021.006", haechi.Medium},
		"replication":        {[]haechi.Event{call(worker, dc, "drsuapi.DsGetNCChanges", "")}, "T1003.006", haechi.High},
		"netlogon":           {times(5, call(worker, dc, "netlogon.NetrServerAuthenticate3", "zero credential")), "T1210", haechi.Critical},
		"tickets":            {roast(worker, 11, "MSSQLSvc/sql%d.example.com:1433"), "T1558.003", haechi.High},
		"tickets by account": {roast(worker, 11, "svc-%d"), "T1558.003", haechi.High},
		"fan-out":            {fan(worker, 6, 445), "T1021", haechi.Medium},
	} {
		t.Run(name, func(t *testing.T) {
			got := play(site{}, c.events...)
			if len(got) < 2 {
				t.Fatalf("%d findings", len(got))
			}
			last := got[len(got)-1]
			if f := got[0]; f.Technique != c.technique || f.Severity != c.severity || f.Addr.String() != worker || !f.Target.IsValid() || f.Spoofable || len(f.Evidence) == 0 {
				t.Errorf("%+v", f)
			}
			if !last.Over || last.Incident != got[0].Incident {
				t.Errorf("the end: %+v", last)
			}
		})
	}
}

func TestMustNotFire(t *testing.T) {
	admin := site{map[string]detect.Role{worker: detect.Admin}}
	backup := site{map[string]detect.Role{worker: detect.Backup}}
	controller := []haechi.Event{call(other, dc, "netlogon.NetrLogonSamLogonWithFlags", ""), call(dc, other, "drsuapi.DsGetNCChanges", "")}
	known := append(fan(worker, 5, 445), fan(worker, 5, 445)...)
	half := fan(worker, 20, 445)
	for i := range half {
		half[i].State, half[i].Assurance = haechi.FlowAttempt, haechi.Seen
	}
	for name, c := range map[string]struct {
		site   site
		events []haechi.Event
	}{
		"a share":                        {site{}, []haechi.Event{call(worker, other, "smb.TreeConnect", "C$"), call(worker, other, "smb.Create", `C$\a.txt`), call(worker, other, "smb.Write", `C$\a.txt`)}},
		"a setup on an ordinary share":   {site{}, []haechi.Event{call(worker, other, "smb.WriteExecutable", `software\setup.exe`)}},
		"questions about users":          {site{}, []haechi.Event{call(worker, dc, "samr.SamrEnumerateUsers", ""), call(worker, dc, "srvsvc.NetrShareEnum", "")}},
		"an object used, none activated": {site{}, []haechi.Event{call(worker, other, "IDispatch.Invoke", "")}},
		"WMI that only asks":             {site{}, []haechi.Event{call(worker, other, "IRemoteSCMActivator.RemoteCreateInstance", "WMI"), call(worker, other, "IWbemServices.ExecQuery", "")}},
		"an administrator":               {admin, []haechi.Event{call(worker, other, "svcctl.CreateServiceW", "x")}},
		"a domain controller":            {site{}, controller},
		"one odd credential":             {site{}, times(4, call(worker, dc, "netlogon.NetrServerAuthenticate3", "zero credential"))},
		"backup":                         {backup, fan(worker, 40, 445)},
		"five hosts, twice":              {site{}, known},
		"a web proxy":                    {site{}, fan(worker, 40, 443)},
		"what nobody answered":           {site{}, half},
		"tickets of machines":            {site{}, roast(worker, 40, "cifs/fs%d.example.com")},
		"tickets for machines":           {site{}, roast(worker, 40, "FS%d$")},
		"tickets of other realms":        {site{}, roast(worker, 40, "krbtgt/R%d.EXAMPLE.COM")},
		"tickets for ten services":       {site{}, roast(worker, 10, "HTTP/web%d.example.com")},
		"tickets for one, again":         {site{}, times(40, call(worker, dc, "kerberos.TGSWithRC4", "HTTP/web.example.com"))},
		"tickets sealed with AES":        {site{}, times(40, call(worker, dc, "kerberos.TGS", "HTTP/web.example.com"))},
		"tickets of an administrator":    {admin, roast(worker, 40, "MSSQLSvc/sql%d.example.com")},
		"from outside":                   {site{}, []haechi.Event{call("203.0.113.7", other, "svcctl.CreateServiceW", "x")}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := play(c.site, c.events...); len(got) > 0 {
				t.Errorf("%+v", got[0])
			}
		})
	}
}

// Tickets that are asked for over a morning are work; and what nobody proved to have asked
// is no reason to act against a host.
func TestTicketsInTime(t *testing.T) {
	d := lateral.New(detect.Rule{Severity: haechi.Critical}, site{}, lateral.Defaults())
	asked := roast(worker, 200, "HTTP/web%d.example.com")
	for i := range asked {
		asked[i].Time = began.Add(time.Duration(i) * 7 * time.Second)
		if out := d.Observe(&asked[i], nil); len(out) > 0 {
			t.Fatalf("after %d: %+v", i, out[0])
		}
	}
	forged := roast(worker, 11, "HTTP/web%d.example.com")
	for i := range forged {
		forged[i].Transport, forged[i].Assurance = haechi.UDP, haechi.Seen
	}
	if out := play(site{}, forged...); len(out) == 0 || !out[0].Spoofable || out[0].Reasons[1].Value != 11 {
		t.Errorf("over UDP: %+v", out)
	}
}

// Twenty hosts are one incident, told when it doubles.
func TestOneIncident(t *testing.T) {
	var events []haechi.Event
	for i := range 20 {
		events = append(events, call(worker, fmt.Sprintf("10.0.1.%d", i+1), "svcctl.CreateServiceW", "x"))
	}
	got := play(site{}, events...)
	if len(got) != 6 { // 1, 2, 4, 8, 16, the end
		t.Errorf("%d findings", len(got))
	}
	for _, f := range got {
		if f.Incident != got[0].Incident {
			t.Errorf("another incident: %+v", f)
		}
	}
}

func TestBounded(t *testing.T) {
	cfg := lateral.Defaults()
	cfg.Actors, cfg.Edges = 16, 64
	d := lateral.New(detect.Rule{Severity: haechi.High}, site{}, cfg)
	for i := range 1000 {
		e := call(fmt.Sprintf("10.1.%d.%d", i/250, i%250), other, "svcctl.CreateServiceW", "")
		e.Time = began.Add(time.Duration(i) * time.Millisecond)
		d.Observe(&e, nil)
	}
	if d.Refused() == 0 {
		t.Error("nothing was refused")
	}
}
