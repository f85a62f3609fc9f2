package banlist_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/operate/banlist"
)

var now = time.Date(2026, 11, 29, 9, 5, 0, 0, time.UTC)

func read(text string) (banlist.List, error) {
	return banlist.Read(strings.NewReader(text), now, time.UTC)
}

func TestRead(t *testing.T) {
	for _, c := range []struct {
		what, text string
		format     banlist.Format
		want       string
		left       int
	}{
		{"nothing", "\n", banlist.Plain, "", 0},
		{"a plain list", "# ours\n192.0.2.1\n192.0.2.0/24 1h # a network\n\n2001:db8::1\t600\r\n2001:db8:1::/48 7d\nip:198.51.100.1\n::ffff:203.0.113.9\n", banlist.Plain,
			"ip:192.0.2.1 prefix:192.0.2.0/24,1h0m0s ip:2001:db8::1,10m0s prefix:2001:db8:1::/48,168h0m0s ip:198.51.100.1 ip:203.0.113.9", 0},
		{"one jail, with times", "192.0.2.1 \t2026-11-29 09:00:00 + 600 = 2026-11-29 09:10:00\n192.0.2.2 \t2026-11-29 08:00:00 + 600 = 2026-11-29 08:10:00\n192.0.2.3 \t2026-11-29 08:00:00 + -1 = 9999-12-31 23:59:59\n", banlist.Plain,
			"ip:192.0.2.1,5m0s ip:192.0.2.3", 1},
		{"all jails", "[{'sshd': ['192.0.2.1', '2001:db8::1']}, {'haechi': []}, {'recidive': ['192.0.2.1']}]\n", banlist.Fail2ban,
			"sshd=ip:192.0.2.1 sshd=ip:2001:db8::1 recidive=ip:192.0.2.1", 0},
		{"no jail", "[]", banlist.CrowdSec, "", 0},
		{"alerts of CrowdSec", `[{"id": 7, "source": {"scope": "Ip", "value": "192.0.2.1"}, "decisions": [
			{"duration": "3h59m10.5s", "id": 1, "origin": "crowdsec", "scenario": "crowdsecurity/ssh-bf", "scope": "Ip", "simulated": false, "type": "ban", "value": "192.0.2.1"},
			{"duration": "1h", "scope": "Range", "type": "ban", "value": "198.51.100.0/24"},
			{"duration": "1h", "scope": "Ip", "type": "captcha", "value": "192.0.2.2"},
			{"duration": "1h", "scope": "Country", "type": "ban", "value": "XX"},
			{"duration": "-5s", "scope": "Ip", "type": "ban", "value": "192.0.2.3"},
			{"duration": "1h", "scope": "Ip", "type": "ban", "simulated": true, "value": "192.0.2.4"}]}]`, banlist.CrowdSec,
			"ip:192.0.2.1,3h59m10.5s prefix:198.51.100.0/24,1h0m0s", 4},
		{"none", "null\n", banlist.CrowdSec, "", 0},
		{"decisions of its interface", `[{"duration":"1h","id":1,"origin":"CAPI","scope":"Ip","type":"ban","value":"2001:db8::1"}]`, banlist.CrowdSec, "ip:2001:db8::1,1h0m0s", 0},
		{"its CSV", "id,source,ip,reason,action,country,as,events_count,expiration,simulated,alert_id\n" +
			"1,crowdsec,Ip:192.0.2.1,crowdsecurity/ssh-bf,ban,KR,\"64500 Example, Inc.\",6,2m53.9s,false,7\n" +
			"2,crowdsec,Range:2001:db8::/32,x,ban,,,1,1h,false,8\n3,cscli,Ip:192.0.2.2,x,captcha,,,1,1h,false,9\n4,cscli,Country:KR,x,ban,,,1,1h,false,9\n", banlist.CrowdSec,
			"ip:192.0.2.1,2m53.9s prefix:2001:db8::/32,1h0m0s", 2},
		{"the CSV that it imports", "duration,scope,value\n24h,ip,192.0.2.1\n,range,198.51.100.0/24\n", banlist.CrowdSec, "ip:192.0.2.1,24h0m0s prefix:198.51.100.0/24", 0},
		{"a CSV with IPv6 and no scope", "value,type\n2001:db8::1,ban\nabcd::1,ban\n", banlist.CrowdSec, "ip:2001:db8::1 ip:abcd::1", 0},
	} {
		l, err := read(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		var got []string
		for _, e := range l.Entries {
			text := e.Scope.String()
			if e.Jail != "" {
				text = e.Jail + "=" + text
			}
			if e.For != 0 {
				text += "," + e.For.String()
			}
			got = append(got, text)
		}
		if strings.Join(got, " ") != c.want || l.Format != c.format || l.Left != c.left {
			t.Errorf("%s: %s, left out %d: %s\nwant %s, %d: %s", c.what, l.Format, l.Left, strings.Join(got, " "), c.format, c.left, c.want)
		}
	}
}

func TestRefuses(t *testing.T) {
	for what, c := range map[string]struct{ text, says string }{
		"a name":                     {"192.0.2.1\nexample.com\n", `line 2 of the list: "example.com" is no address`},
		"a time that is none":        {"192.0.2.1 soon\n", `line 1 of the list: "soon" is no time`},
		"a negative time":            {"192.0.2.1 -5s\n", "is no time"},
		"words behind":               {"192.0.2.1 1h more\n", "is no time"},
		"a jail that does not end":   {"[{'sshd': ['192.0.2.1'", "is missing"},
		"a Python text with escapes": {`[{'ss\x27hd': []}]`, "escapes"},
		"something behind the jails": {"[{'sshd': []}] x", "something follows"},
		"a name in a jail":           {"[{'sshd': ['example.com']}]", `"example.com" is no address`},
		"broken JSON":                {`[{"decisions": [}]`, "the JSON of the list"},
		"a CSV with a bad value":     {"value,type\nexample.com,ban\n", "line 2"},
		"too many":                   {strings.Repeat("192.0.2.1\n", banlist.MaxEntries+1), "more than 50,000"},
		"too long":                   {strings.Repeat("#", banlist.MaxBytes+1), "longer than 16 MiB"},
	} {
		if _, err := read(c.text); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", what, err, c.says)
		}
	}
}

// FuzzRead: whatever is read is bounded, about addresses, and reads back from the plain
// form as the same.
func FuzzRead(f *testing.F) {
	for _, s := range []string{"192.0.2.1 1h\n", "[{'sshd': ['192.0.2.1']}]", `[{"decisions":[{"type":"ban","value":"192.0.2.1","duration":"1h"}]}]`, "ip,action\nIp:192.0.2.1,ban\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		l, err := read(text)
		if err != nil {
			if haechi.KindOf(err) == haechi.Internal {
				t.Fatalf("%v", err)
			}
			return
		}
		var plain strings.Builder
		for _, e := range l.Entries {
			if e.For < 0 || !e.Scope.Prefix.IsValid() || e.Scope.Kind != haechi.ScopeAddress && e.Scope.Kind != haechi.ScopePrefix {
				t.Fatalf("%+v", e)
			}
			fmt.Fprint(&plain, e.Scope)
			if e.For != 0 {
				fmt.Fprint(&plain, " ", e.For)
			}
			plain.WriteByte('\n')
		}
		again, err := read(plain.String())
		if err != nil || len(again.Entries) != len(l.Entries) {
			t.Fatalf("%v: %d entries, then %d", err, len(l.Entries), len(again.Entries))
		}
		for i, e := range again.Entries {
			if want := l.Entries[i]; e.Scope != want.Scope || e.For != want.For {
				t.Fatalf("%+v, then %+v", want, e)
			}
		}
	})
}
