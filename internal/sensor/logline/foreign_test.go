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
				if e.Addr.String() != client || e.Target.String() != "10.0.0.80" || e.Duration < 0 || e.BytesIn < 0 {
					t.Errorf("%s\n%+v", line, e)
				}
			}
		}
		check(fmt.Sprintf(`{"timestamp":"2026-01-02T03:04:05.000000+0000","event_type":"tls","src_ip":"198.51.100.9","src_port":5,"dest_ip":"10.0.0.80","dest_port":443,"proto":"TCP","tls":{"sni":%s}}`, name), "198.51.100.9")
		check(fmt.Sprintf(`{"timestamp":"2026-01-02T03:04:05.000000+0000","event_type":"http","src_ip":"198.51.100.9","src_port":5,"dest_ip":"10.0.0.80","dest_port":80,"http":{"hostname":%s,"url":%s,"status":200}}`, name, name), "198.51.100.9")
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
