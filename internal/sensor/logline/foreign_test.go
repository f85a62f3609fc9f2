package logline_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"haechi"
	"haechi/internal/sensor/logline"
)

// head is that of a conn.log, and row one of its lines.
const head = "#separator \\x09\n#set_separator\t,\n#path\tconn\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\tconn_state\thistory\torig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes\n#types\ttime\tstring\taddr\tport\taddr\tport\tenum\tstring\tinterval\tstring\tstring\tcount\tcount\tcount\tcount\n"

func row(proto, history string, in, out int) string {
	return fmt.Sprintf("1767323045.500000\tC1\t198.51.100.9\t50000\t10.0.0.80\t443\t%s\tssl\t2.5\tSF\t%s\t%d\t%d\t%d\t%d\n", proto, history, in, 100*in, out, 100*out)
}

// What Zeek saw of a connection says what became of it, as it does on the wire.
func TestFlowsOfZeek(t *testing.T) {
	set := load(t)
	for name, c := range map[string]struct {
		proto, history string
		in, out        int
		want           haechi.FlowState
		believed       bool
	}{
		"whole":           {"tcp", "ShADadFf", 6, 5, haechi.FlowClosed, true},
		"goes on":         {"tcp", "ShADad", 6, 5, haechi.FlowEstablished, true},
		"reset":           {"tcp", "ShADadR", 6, 5, haechi.FlowReset, true},
		"without a word":  {"tcp", "ShAFf", 3, 2, haechi.FlowClosed, false},
		"refused":         {"tcp", "Sr", 1, 1, haechi.FlowRejected, false},
		"not answered":    {"tcp", "S", 3, 0, haechi.FlowAttempt, false},
		"half open":       {"tcp", "ShR", 2, 1, haechi.FlowHalfOpen, false},
		"FIN, refused":    {"tcp", "Fr", 1, 1, haechi.FlowRejected, false},
		"backscatter":     {"tcp", "H", 1, 0, haechi.FlowAnswerOnly, false},
		"midstream":       {"tcp", "DadA", 9, 9, haechi.FlowMidstream, true},
		"nothing known":   {"tcp", "-", 1, 0, haechi.FlowUnknown, false},
		"UDP":             {"udp", "Dd", 1, 1, haechi.FlowEstablished, false},
		"UDP, no answer":  {"udp", "D", 1, 0, haechi.FlowAttempt, false},
		"another, silent": {"unknown_transport", "-", 1, 0, haechi.FlowAttempt, false},
	} {
		got, _ := read(t, set, head+row(c.proto, c.history, c.in, c.out))
		if len(got) != 1 {
			t.Errorf("%s: %d told", name, len(got))
			continue
		}
		e := got[0]
		if e.State != c.want || (e.Assurance == haechi.Handshaken) != c.believed || e.Phase != haechi.FlowEnd || e.Protocol != "tls" ||
			e.PacketsIn != uint64(c.in) || e.BytesOut != int64(100*c.out) || e.Duration.Seconds() != 2.5 || e.Time.Sub(e.Start) != e.Duration {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

// Columns are those of the file that a line is of, and are known only by its head; a
// line with more or fewer cells is none.
func TestHeadsOfZeek(t *testing.T) {
	var got []haechi.Event
	r := load(t).New(logline.Config{Now: now}, func(e *haechi.Event) { got = append(got, *e) })
	lines := func(file, text string) {
		r.In(file)
		for line := range strings.Lines(text) {
			r.Line([]byte(line))
		}
	}
	lines("a", row("tcp", "S", 1, 0))
	if len(got) != 0 {
		t.Errorf("a line without a head is read: %+v", got)
	}
	lines("a", head)
	lines("b", "#separator \\x09\n#fields\tts\tuid\tid.orig_h\n1.5\tC1\t198.51.100.9\n"+row("tcp", "S", 1, 0))
	if len(got) != 0 {
		t.Errorf("the head of another file counts: %+v", got)
	}
	lines("a", row("tcp", "S", 1, 0)+strings.Replace(row("tcp", "S", 1, 0), "C1", "C\t1", 1))
	if len(got) != 1 {
		t.Errorf("%d told", len(got))
	}
	again := load(t).New(logline.Config{Now: now}, func(e *haechi.Event) { got = append(got, *e) })
	again.Follow(r)
	again.Line([]byte(row("tcp", "S", 1, 0)))
	if len(got) != 2 {
		t.Error("the next reader does not know the head")
	}
	lines("a", "#separator |\n#fields|ts|uid\n"+row("tcp", "S", 1, 0))
	if len(got) != 2 {
		t.Error("the head before counts after another one")
	}
}

// The attempts of a connection are as many logins, and the last one may have succeeded.
func TestLoginsOfZeek(t *testing.T) {
	for _, c := range []struct {
		tail string
		n    int
		last haechi.Outcome
	}{{`"auth_attempts":4,"auth_success":false`, 4, haechi.Failure}, {`"auth_attempts":4,"auth_success":true`, 4, haechi.Success}, {`"auth_attempts":0`, 0, 0}, {`"auth_attempts":9999`, 32, haechi.Failure}} {
		got, _ := read(t, load(t), `{"ts":1767323045.5,"uid":"C1","id.orig_h":"203.0.113.7","id.orig_p":4,"id.resp_h":"192.0.2.1","id.resp_p":22,`+c.tail+"}\n")
		if len(got) != c.n || c.n > 0 && (got[c.n-1].Outcome != c.last || got[0].Kind != haechi.KindAuth) {
			t.Errorf("%s: %+v", c.tail, got)
		}
	}
}

// An answer of DNS as Suricata's eighth version writes it, told from the server's side.
func TestAnswersOfSuricata(t *testing.T) {
	got, _ := read(t, load(t), `{"timestamp":"2026-01-02T03:04:05.000000+0000","event_type":"dns","src_ip":"192.0.2.53","src_port":53,"dest_ip":"192.0.2.9","dest_port":4000,"proto":"UDP","dns":{"version":3,"type":"response","rcode":"NXDOMAIN","queries":[{"rrname":"x.a.test","rrtype":"TXT"}]}}`+"\n")
	if len(got) != 1 || got[0].Addr.String() != "192.0.2.9" || got[0].Name != "x.a.test" || got[0].Type != "TXT" || got[0].Outcome != haechi.Failure || got[0].LocalPort != 53 {
		t.Errorf("%+v", got)
	}
}

// eveAlert is an alert as Suricata writes it, with more in it than is read.
func eveAlert(ends, alert string) string {
	return `{"timestamp":"2026-01-02T03:04:05.123456+0900","flow_id":1234567890123,"in_iface":"eth0","event_type":"alert",` + ends +
		`,"proto":"TCP","ip_v":4,"pkt_src":"wire/pcap","metadata":{"flowbits":["a.b"]},"tx_id":0,"alert":` + alert +
		`,"http":{"hostname":"a.test","url":"/","http_method":"GET","status":200},"dns":{"query":[{"type":"query","rrname":"a.test"}]},"app_proto":"http","direction":"to_server",` +
		`"flow":{"pkts_toserver":4,"pkts_toclient":3,"bytes_toserver":500,"bytes_toclient":400,"start":"2026-01-02T03:04:04.000000+0900","src_ip":"192.0.2.66","dest_ip":"192.0.2.67"},"payload_printable":"\"event_type\":\"flow\""}` + "\n"
}

// What Suricata alerts about is told with its signature, and proves nobody.
func TestAlertsOfSuricata(t *testing.T) {
	const ends = `"src_ip":"203.0.113.7","src_port":40000,"dest_ip":"10.0.0.80","dest_port":80`
	got, _ := read(t, load(t), eveAlert(ends, `{"action":"blocked","gid":1,"signature_id":2012345,"rev":7,"signature":"TEST web\u001b[31m attack","category":"Web Application Attack","severity":1,"metadata":{"created_at":["2026_01_01"],"mitre_technique_id":["none","T1190"],"mitre_tactic_id":["TA0001"]}}`))
	if len(got) != 1 {
		t.Fatalf("%d told", len(got))
	}
	want := haechi.Event{Time: got[0].Time, Kind: haechi.KindAlert, Outcome: haechi.Failure, Severity: haechi.High, Rule: "suricata:1:2012345", Class: "Web Application Attack",
		Text: "TEST web\uFFFD[31m attack", Port: 40000, LocalPort: 80}
	want.Addr, want.Client, want.Assurance = got[0].Addr, got[0].Client, haechi.Seen
	want.Sensor, want.Target, want.Transport, want.Protocol, want.Type = "log:suricata-eve", got[0].Target, haechi.TCP, "http", "T1190"
	if got[0] != want || want.Addr.String() != "203.0.113.7" || want.Target.String() != "10.0.0.80" || want.Time.Format("15:04:05.000000") != "18:04:05.123456" {
		t.Errorf("%+v", got[0])
	}
	for severity, want := range map[string]haechi.Severity{"1": haechi.High, "2": haechi.Medium, "3": haechi.Low, "4": haechi.Info, "255": haechi.Info, "-1": haechi.Info} {
		if got, _ := read(t, load(t), eveAlert(ends, `{"action":"allowed","signature_id":1,"severity":`+severity+`,"metadata":{"mitre_technique_id":"T1110.001"}}`)); len(got) != 1 || got[0].Severity != want || got[0].Outcome != haechi.Unknown || got[0].Type != "T1110.001" {
			t.Errorf("severity %s: %+v", severity, got)
		}
	}
	answer := eveAlert(`"src_ip":"10.0.0.80","src_port":80,"dest_ip":"203.0.113.7","dest_port":40000`,
		`{"signature_id":1,"severity":3,"source":{"ip":"203.0.113.7","port":40000},"target":{"ip":"10.0.0.80","port":80}}`)
	if got, _ := read(t, load(t), answer); len(got) != 1 || got[0].Addr.String() != "203.0.113.7" || got[0].LocalPort != 80 || got[0].Port != 40000 {
		t.Errorf("the attacker's end: %+v", got)
	}
}

func TestWhatIsNoAlertOfSuricata(t *testing.T) {
	const ends = `"src_ip":"203.0.113.7","src_port":40000,"dest_ip":"10.0.0.80","dest_port":80`
	for name, line := range map[string]string{
		"no signature":       eveAlert(ends, `{"action":"allowed","signature":"x","severity":1}`),
		"no ends":            eveAlert(`"vlan":[1]`, `{"signature_id":1,"severity":1}`),
		"no address":         eveAlert(`"src_ip":"a.test","dest_ip":"10.0.0.80"`, `{"signature_id":1,"severity":1}`),
		"an alert in a name": `{"timestamp":"2026-01-02T03:04:05.000000+0000","event_type":"fileinfo",` + ends + `,"fileinfo":{"filename":"\"event_type\":\"alert\""},"alert":{"signature_id":1,"severity":1}}` + "\n",
		"cut":                eveAlert(ends, `{"signature_id":1`)[:250] + "\n",
	} {
		if got, _ := read(t, load(t), line); len(got) != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// What a peer chose never becomes an address, an outcome or an event of its own, and no
// line stops the reader.
func FuzzForeign(f *testing.F) {
	f.Add("a.test")
	f.Add(`","src_ip":"192.0.2.66","x":"`)
	f.Add("\t192.0.2.66\t1\n#fields\tts\n")
	f.Add(`{"event_type":"flow"}`)
	set, err := logline.Load(shipped())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name, err := json.Marshal(text)
		if err != nil {
			t.Skip()
		}
		cell := strings.NewReplacer("\t", `\x09`, "\n", `\x0a`, "\r", `\x0d`).Replace(text)
		check := func(line, client string) {
			for _, e := range fed(t, set, line) {
				if e.Kind == haechi.KindAlert && (e.Assurance != haechi.Seen || e.Severity != haechi.High || e.Rule != "suricata:0:7" || len(e.Text) > 3*logline.MaxText || len(e.Type) > 9) {
					t.Errorf("%s\n%+v", line, e)
				}
				if e.Addr.String() != client || e.Target.String() != "10.0.0.80" || e.Duration < 0 || e.BytesIn < 0 {
					t.Errorf("%s\n%+v", line, e)
				}
			}
		}
		check(fmt.Sprintf(`{"timestamp":"2026-01-02T03:04:05.000000+0000","event_type":"tls","src_ip":"198.51.100.9","src_port":5,"dest_ip":"10.0.0.80","dest_port":443,"proto":"TCP","tls":{"sni":%s}}`, name), "198.51.100.9")
		check(fmt.Sprintf(`{"timestamp":"2026-01-02T03:04:05.000000+0000","event_type":"http","src_ip":"198.51.100.9","src_port":5,"dest_ip":"10.0.0.80","dest_port":80,"http":{"hostname":%s,"url":%s,"status":200}}`, name, name), "198.51.100.9")
		const alert = `{"timestamp":"2026-01-02T03:04:05.000000+0000","event_type":"alert","src_ip":"198.51.100.9","src_port":5,"dest_ip":"10.0.0.80","dest_port":80,"proto":"TCP","alert":{"signature_id":7,"signature":%s,"category":%s,"severity":1,"metadata":{"mitre_technique_id":[%s]}},"http":{"hostname":%s}}`
		check(fmt.Sprintf(alert, name, name, name, name), "198.51.100.9")
		check(fmt.Sprintf(`{"ts":1.5,"uid":"C1","id.orig_h":"198.51.100.9","id.orig_p":5,"id.resp_h":"10.0.0.80","id.resp_p":443,"cipher":"x","established":true,"server_name":%s}`, name), "198.51.100.9")
		check(head+strings.Replace(row("tcp", "S", 1, 0), "ssl", cell, 1), "198.51.100.9")
		var all int
		r := set.New(logline.Config{Now: now}, func(e *haechi.Event) {
			if all++; e.Duration < 0 || e.BytesIn < 0 || e.Kind == haechi.KindFlow && e.Start.After(e.Time) {
				t.Errorf("%+v", e)
			}
		})
		for line := range strings.Lines(head + text) {
			r.Line([]byte(line))
		}
	})
}

// fed are the events of lines.
func fed(t *testing.T, set *logline.Set, lines string) (out []haechi.Event) {
	r := set.New(logline.Config{Now: now}, func(e *haechi.Event) { out = append(out, *e) })
	for line := range strings.Lines(lines) {
		r.Line([]byte(line))
	}
	return out
}
