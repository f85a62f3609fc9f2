package denylist_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"haechi"
	"haechi/internal/enforce/denylist"
)

func prefixes(texts ...string) (out []netip.Prefix) {
	for _, text := range texts {
		out = append(out, netip.MustParsePrefix(text))
	}
	return out
}

// TestForms: lists as they are found.
func TestForms(t *testing.T) {
	for name, c := range map[string]struct {
		text    string
		want    []netip.Prefix
		lines   int
		refused int
	}{
		"addresses":      {"203.0.113.7\n2001:db8::1\n203.0.113.7\n", prefixes("203.0.113.7/32", "2001:db8::1/128"), 3, 0},
		"firehol":        {"# netset\n#\n203.0.113.0/24\r\n198.51.100.9\r\n", prefixes("198.51.100.9/32", "203.0.113.0/24"), 2, 0},
		"spamhaus":       {"; Spamhaus DROP\n203.0.113.0/24 ; SBL1\n2001:db8::/32 ; SBL2\n", prefixes("203.0.113.0/24", "2001:db8::/32"), 2, 0},
		"columns":        {"203.0.113.7,42,abuse\n198.51.100.1\t5\n", prefixes("198.51.100.1/32", "203.0.113.7/32"), 2, 0},
		"ranges":         {"203.0.113.4-203.0.113.7\n198.51.100.255 - 198.51.101.0\n", prefixes("198.51.100.255/32", "198.51.101.0/32", "203.0.113.4/30"), 2, 0},
		"bits behind":    {"203.0.113.77/24\n", prefixes("203.0.113.0/24"), 1, 0},
		"mapped":         {"::ffff:203.0.113.7\n::ffff:198.51.100.0/120\n", prefixes("198.51.100.0/24", "203.0.113.7/32"), 2, 0},
		"byte order":     {"\ufeff203.0.113.7\n", prefixes("203.0.113.7/32"), 1, 0},
		"no end of line": {"203.0.113.7", prefixes("203.0.113.7/32"), 1, 0},
		"empty":          {"", nil, 0, 0},
		"comments":       {"# nothing\n\n", nil, 0, 0},
		"some refused":   {"203.0.113.7\n198.51.100.7\nexample.com\n198.51.100.8\n", prefixes("198.51.100.7/32", "198.51.100.8/32", "203.0.113.7/32"), 4, 1},
	} {
		got, err := denylist.Read(strings.NewReader(c.text), 100)
		if err != nil || !slices.Equal(got.Prefixes, c.want) || got.Lines != c.lines || got.Refused != c.refused {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// TestRefused: what a file must not name, whoever wrote it.
func TestRefused(t *testing.T) {
	for _, line := range []string{"0.0.0.0/0", "203.0.0.0/7", "0.0.0.0-255.255.255.255", "2000::/3", "::/0", "10.0.0.0/8", "10.1.2.3", "192.168.0.0/16", "192.0.0.0/8", "172.31.0.1", "127.0.0.1", "::1",
		"169.254.1.1", "100.64.0.0/10", "224.0.0.0/4", "fe80::1%eth0", "fc00::/7", "ff02::1", "fe80::/10", "::ffff:0.0.0.0/90", "203.0.113.9-203.0.113.1", "203.0.113.1-2001:db8::1", "203.0.113.1-", "-",
		"example.com", "203.0.113.256", "203.0.113.7:80", "203.0.113.0/33", "<html>", strings.Repeat("a", 5000)} {
		text := "203.0.113.7\n198.51.100.7\n" + line + "\n"
		got, err := denylist.Read(strings.NewReader(text), 1_000_000)
		if err != nil || got.Refused != 1 || len(got.Prefixes) != 2 || !strings.HasPrefix(got.First, "line 3: ") {
			t.Errorf("%.40s: %+v, %v", line, got, err)
		}
	}
}

// TestNoList: a page of a server that has no list any more, and one that is too long.
func TestNoList(t *testing.T) {
	if _, err := denylist.Read(strings.NewReader("<html>\n<title>Not found</title>\n203.0.113.7\n"), 100); haechi.KindOf(err) != haechi.Invalid || !strings.Contains(err.Error(), "2 of 3 lines") {
		t.Errorf("got %v", err)
	}
	if _, err := denylist.Read(strings.NewReader("203.0.113.1-203.0.113.254\n"), 13); haechi.KindOf(err) != haechi.Exhausted { // it takes 14
		t.Errorf("got %v", err)
	}
}

// FuzzRead: whatever a file says, what is taken is sorted, each once, narrow enough, and
// nobody's home; and what is written from it is read as the same.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{"203.0.113.7\n", "203.0.113.4-203.0.113.9 x\n", "2001:db8::/33;a\n", "10.0.0.1\n203.0.113.7", "::ffff:1.2.3.4/99\n", "1.2.3.4-1.2.3.4\n\n#", "255.255.255.255 - 255.255.255.255"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := denylist.Read(strings.NewReader(text), 1_000_000)
		if err != nil {
			return
		}
		var again strings.Builder
		for i, p := range got.Prefixes {
			if i > 0 && got.Prefixes[i-1].Compare(p) >= 0 || p != p.Masked() || p.Addr().Is4In6() || p.Bits() < 8 {
				t.Fatalf("%v in %v", p, got.Prefixes)
			}
			if a := p.Addr(); a.IsPrivate() || a.IsLoopback() || a.IsMulticast() || a.IsLinkLocalUnicast() || a.IsUnspecified() {
				t.Fatalf("%v is somebody's home", p)
			}
			again.WriteString(p.String() + "\n")
		}
		same, err := denylist.Read(strings.NewReader(again.String()), 1_000_000)
		if err != nil || same.Refused > 0 || !slices.Equal(same.Prefixes, got.Prefixes) {
			t.Fatalf("%v: %+v, %v", got.Prefixes, same, err)
		}
	})
}
