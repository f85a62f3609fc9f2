package logline

import (
	"os"
	"slices"
	"testing"
	"time"

	"haechi"
)

func shippedSet(t testing.TB) *Set {
	t.Helper()
	set, err := Load(os.DirFS("../../../rules/logs"))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// one reads a message as if there were no tree: all templates in their order, each by
// itself, and an event that was never used.
func (r *Reader) one(all []*pattern, m *message) bool {
	for _, p := range all {
		if p.excludes(m.text) {
			continue
		}
		if p.Format == "pairs" {
			if r.pairsOf(p, m) {
				return true
			}
			continue
		}
		for i := range p.lines {
			if len(p.lines[i].must) == 0 {
				continue
			}
			switch p.lines[i].match(m.text, &r.got) {
			case twofold:
				return true
			case fits:
				r.tell(p, &p.lines[i], m.at)
				return true
			}
		}
	}
	return false
}

// FuzzPlan: the tree leaves out no template that would fit, in whatever order lines come.
func FuzzPlan(f *testing.F) {
	set := shippedSet(f)
	for _, p := range set.all {
		for _, x := range p.Examples {
			c := clock{zone: time.UTC}
			m := message{text: []byte(x.Line)}
			c.unwrap(&m)
			f.Add(m.text)
		}
	}
	var got, want []haechi.Event
	tree := set.New(Config{}, func(e *haechi.Event) { got = append(got, *e) })
	plain := set.New(Config{}, func(e *haechi.Event) { want = append(want, *e) })
	f.Fuzz(func(t *testing.T, text []byte) {
		groups := [][]*pattern{set.plain}
		for _, all := range set.byProgram {
			groups = append(groups, all)
		}
		for _, all := range groups {
			got, want = nil, nil
			m := message{text: text}
			first, second := tree.follow(newPlan(all), &m), plain.one(all, &m)
			if first != second || !slices.Equal(got, want) {
				t.Fatalf("%q: %v %+v, want %v %+v", text, first, got, second, want)
			}
		}
		pl := newPlan(groups[len(groups)-1]) // an event that was used tells nothing of the line before
		for _, m := range []message{{text: text}, {text: []byte("x")}, {text: text}} {
			tree.follow(pl, &m)
		}
		if len(got) > 2 && got[len(got)-1] != got[len(got)-2] {
			t.Fatalf("%q: %+v, then %+v", text, got[len(got)-2], got[len(got)-1])
		}
	})
}

// FuzzHeader: what is kept of the lines before changes nothing.
func FuzzHeader(f *testing.F) {
	for _, l := range []string{"Jan 24 15:32:31 server sshd[2651912]: Failed", "Jan 24 15:32:31 server sshd[1]:  x", "Jan 24 15:32:31 server sshd[1x]: y", "Jan 24 15:32:31 server ssh[1]: y",
		"<38>Jan  4 15:32:60 server postfix/smtpd[1]: x", "2026-01-24T15:32:31.123456+09:00 server a[b[1]: x", "Jan 24 15:32:31 s /bin/x[2]: y", "Jan 24 15:32:31 server", "Jan 24 15:32:31 server a b[1]: x",
		"2026-01-24T15:32:31Z server sshd: x", "2026-01-24 15:32:31 server sshd[1]: x", "1 2026-01-24T15:32:31.5Z server sshd 1 - - x",
		"2026-01-24T15:32:31.5+09:00 server sshd[1]: x", "2026-01-24T15:32:31.000000001+09:00", "2026-01-24T15:32:31+09:00x", "2026-01-24T15:32:31.+09:00 server", "2026-01-24T15:32:31,5Z server", "2026-01-24T15:32:31.5 server sshd[1]: x"} {
		f.Add(l, "Jan 24 15:32:31 server sshd[2651912]: Failed")
		f.Add("Jan 24 15:32:31 server sshd[2651912]: Failed", l)
		f.Add("2026-01-24T15:32:31.123456+09:00 server sshd[2]: x", l)
		f.Add("2026-01-24T15:32:31Z server sshd[2]: x", l)
	}
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, one, two string) {
		used, fresh := clock{now: now, zone: time.UTC}, clock{now: now, zone: time.UTC}
		for _, l := range []string{one, two, one, two} {
			used.unwrap(&message{text: []byte(l)})
		}
		got, want := message{text: []byte(two)}, message{text: []byte(two)}
		used.unwrap(&got)
		fresh.unwrap(&want)
		if !got.at.Equal(want.at) || (got.program == nil) != (want.program == nil) || string(got.program) != string(want.program) || string(got.text) != string(want.text) {
			t.Fatalf("%q behind %q: %v %q %q, want %v %q %q", two, one, got.at, got.program, got.text, want.at, want.program, want.text)
		}
	})
}

// FuzzEnd: the address or number at the end of a text is that which is read from its
// beginning, byte by byte.
func FuzzEnd(f *testing.F) {
	for _, s := range []string{"from 203.0.113.7", "1.2.3.4", "01.2.3.4", "a1.2.3.4", "1.2.3.4.5", "::1.2.3.4", "256.1.1.1", "x1.1.1.1", "1.1.1", "", "255.255.255.255", "1.22.333.4", "1..2.3",
		"1234.1.1.1", "port 22", "65535", "65536", "00065535", "0x7", "1234567", "12345678", "999999999999999", "9999999999999999", "\xb27", "/1.2.3.4"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, p := range []place{source, port} {
			for _, text := range []string{s, "Failed password for root from " + s, "Failed password for root from" + s} {
				n := len(text)
				for n > 0 && p.takes(text[n-1]) {
					n--
				}
				var want, got fields
				fits := want.set(p, []byte(text[n:]))
				rest, ok := right([]token{{place: p, takes: p.bytes()}}, []byte(text), &got)
				if ok != fits || ok && (got.source != want.source || got.port != want.port || string(rest) != text[:n]) {
					t.Errorf("%q: %v %s %d behind %q, want %v %s %d", text, ok, got.source, got.port, rest, fits, want.source, want.port)
				}
			}
		}
	})
}
