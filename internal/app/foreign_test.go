package app_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"haechi"
	"haechi/internal/app"
	"haechi/internal/config"
	"haechi/internal/decide"
	"haechi/internal/operate/replay"
)

// over are the ends of the flows of a capture, and its lookups and hellos, in order.
func over(t *testing.T, path string) (out []haechi.Event) {
	t.Helper()
	r, err := app.NewReplay(config.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	tap := func(e *haechi.Event) {
		if e.Kind == haechi.KindFlow && e.Phase == haechi.FlowEnd || e.Kind == haechi.KindLookup || e.Kind == haechi.KindHello {
			out = append(out, *e)
		}
	}
	if err := r.File(context.Background(), path, tap, func(*replay.Found) {}, nil); err != nil {
		t.Fatal(err)
	}
	slices.SortStableFunc(out, func(a, b haechi.Event) int { return a.Time.Compare(b.Time) })
	return out
}

// eveOf is an event as Suricata writes it.
func eveOf(t *testing.T, e *haechi.Event) string {
	t.Helper()
	const layout = "2006-01-02T15:04:05.000000-0700"
	proto := strings.ToUpper(e.Transport.String())
	doc := map[string]any{"timestamp": e.Time.Format(layout), "flow_id": 1, "src_ip": e.Addr, "src_port": e.Port, "dest_ip": e.Target, "dest_port": e.LocalPort, "proto": proto}
	switch e.Kind {
	case haechi.KindLookup:
		var answers []any
		for _, a := range e.Answers {
			if a.IsValid() {
				answers = append(answers, map[string]any{"rrname": e.Name, "rrtype": "A", "rdata": a})
			}
		}
		doc["event_type"] = "dns"
		doc["dns"] = map[string]any{"type": "answer", "rrname": e.Name, "rrtype": e.Type, "rcode": map[bool]string{true: "NOERROR", false: "NXDOMAIN"}[e.Outcome == haechi.Success], "answers": answers}
	case haechi.KindHello:
		doc["event_type"], doc["tls"] = "tls", map[string]any{"sni": e.Name, "ja4": e.Fingerprint}
	default:
		doc["event_type"], doc["app_proto"], doc["icmp_type"] = "flow", cmp.Or(e.Protocol, "failed"), e.First
		doc["flow"] = map[string]any{"pkts_toserver": e.PacketsIn, "pkts_toclient": e.PacketsOut, "bytes_toserver": uint64(e.BytesIn) + 14*e.PacketsIn,
			"bytes_toclient": uint64(e.BytesOut) + 14*e.PacketsOut, "start": e.Start.Format(layout), "end": e.Time.Format(layout)}
		doc["tcp"] = map[string]any{"tcp_flags_ts": fmt.Sprintf("%02x", e.FlagsIn&63), "tcp_flags_tc": fmt.Sprintf("%02x", e.FlagsOut&63)}
	}
	b, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return string(b) + "\n"
}

// connOf is a flow as a line of Zeek's conn.log.
func connOf(e *haechi.Event) string {
	if e.Kind != haechi.KindFlow {
		return ""
	}
	history := ""
	for i, f := range []uint8{e.FlagsIn, e.FlagsOut} {
		for _, c := range []struct {
			flag uint8
			name string
		}{{2, "s"}, {16, "a"}, {8, "d"}, {1, "f"}, {4, "r"}} {
			if f&c.flag != 0 {
				history += map[bool]string{true: strings.ToUpper(c.name), false: c.name}[i == 0]
			}
		}
	}
	port := e.Port
	if e.Transport == haechi.ICMP {
		port = uint16(e.First)
	}
	return fmt.Sprintf("%d.%06d\tC1\t%s\t%d\t%s\t%d\t%s\t-\t%.6f\tOTH\t%s\t%d\t%d\t%d\t%d\n", e.Start.Unix(), e.Start.Nanosecond()/1000, e.Addr, port, e.Target, e.LocalPort, e.Transport,
		e.Duration.Seconds(), cmp.Or(history, "-"), e.PacketsIn, e.BytesIn, e.PacketsOut, e.BytesOut)
}

// What is found in a capture is found in the flows of it, written as Suricata and Zeek
// write them; an office gives nothing. (Neither is at hand here: the lines are made by
// their documentation.)
func TestFlowsOfOthersAreJudgedAsOurOwn(t *testing.T) {
	t.Parallel()
	const head = "#separator \\x09\n#path\tconn\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\tconn_state\thistory\torig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes\n"
	for _, name := range []string{"office", "monitoring", "port-scan", "host-scan", "exfiltration", "dns-tunnel"} {
		t.Run(name, func(t *testing.T) {
			path := played(t, name)
			want, eve, conn := who(t, path), "", head
			for _, e := range over(t, path) {
				eve += eveOf(t, &e)
				conn += connOf(&e)
			}
			for file, text := range map[string]string{"eve.json": eve, "conn.log": conn} {
				if file == "conn.log" && name == "dns-tunnel" {
					continue // what is asked for stands in dns.log
				}
				log := filepath.Join(t.TempDir(), file)
				if err := os.WriteFile(log, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
				if got := who(t, log); !slices.Equal(got, want) {
					t.Errorf("%s: found %q, in the capture %q", file, got, want)
				}
			}
		})
	}
}

// What Suricata alerts about is an incident for a source and a category, with the
// signature as evidence and a sentence; nobody is decided about, also where the rule
// enforces, and a client on the allow list is not told of.
func TestAlertsOfOthersAreIncidentsAndNoDecisions(t *testing.T) {
	lines := ""
	for i := range 500 {
		from := []string{"203.0.113.7", "203.0.113.7", "198.51.100.9", "203.0.113.99"}[i%4]
		lines += fmt.Sprintf(`{"timestamp":"2026-01-02T03:%02d:%02d.000000+0000","flow_id":%d,"event_type":"alert","src_ip":"%s","src_port":40000,"dest_ip":"10.0.0.80","dest_port":22,"proto":"TCP","alert":{"action":"allowed","gid":1,"signature_id":%d,"rev":3,"signature":"TEST scan","category":"Attempted Information Leak","severity":1,"metadata":{"mitre_technique_id":["T1046"]}},"app_proto":"ssh"}`+"\n",
			i/60, i%60, i, from, 2000000+i%3)
	}
	log := filepath.Join(t.TempDir(), "eve.json")
	if err := os.WriteFile(log, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := config.Defaults()
	cfg.Allow = []netip.Prefix{netip.MustParsePrefix("203.0.113.99/32")}
	cfg.Rules = map[string]config.Rule{"network/foreign-alert": {Mode: haechi.Enforce}}
	r, err := app.NewReplay(cfg)
	if err != nil {
		t.Fatal(err)
	}
	told := map[haechi.Reference]haechi.Incident{}
	d := decide.New(decide.Config{Mode: haechi.Enforce}, decide.Deps{OnIncident: func(in haechi.Incident) { told[in.ID] = in }})
	var decisions []haechi.Decision
	found := func(f *replay.Found) {
		text, e := r.Sentence(&f.Finding, "en"), &haechi.Event{}
		if len(f.Evidence) > 0 {
			e = &f.Evidence[0]
		}
		if f.Rule != "network/foreign-alert" || f.Mode != haechi.Enforce || f.Technique != "T1046" || !strings.Contains(text, f.Addr.String()) || !f.Over && (e.Text != "TEST scan" || !strings.HasPrefix(e.Rule, "suricata:1:200000")) {
			t.Errorf("%s: %+v", text, f.Finding)
		}
		decisions = d.Decide(&f.Finding, f.Time, decisions)
	}
	if err := r.File(context.Background(), log, nil, found, nil); err != nil {
		t.Fatal(err)
	}
	if len(told) != 2 || len(decisions) != 0 {
		t.Errorf("%d incidents, decisions %v", len(told), decisions)
	}
	for _, in := range told {
		if in.Severity != haechi.High || in.Decision != "" || in.Peak < 64 {
			t.Errorf("%+v", in)
		}
	}
}

// who did what in a file, each once.
func who(t *testing.T, path string) (out []string) {
	t.Helper()
	_, found := replayed(t, path)
	for i := range found {
		out = append(out, found[i].Detector+" "+found[i].Addr.String())
	}
	slices.Sort(out)
	return slices.Compact(out)
}
