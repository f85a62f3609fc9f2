package sieve_test

import (
	"bytes"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"

	"haechi/internal/inspect/waf"
	"haechi/internal/inspect/waf/waftest"
)

var (
	requests = flag.Int("requests", 240, "benign requests that are compared")
	mutants  = flag.Int("mutants", 240, "mutated attacks that are compared at each of two levels")
	workers  = flag.Int("workers", 1, "how many compare benign requests at once")
	seed     = flag.Uint64("seed", 1, "seed of what is made")
)

// share is how many requests of a kind were made and cleared, and how many of the others
// have a hit at the oracle, so that no engine could have cleared them.
type share struct{ made, cleared, hit int }

func (s *share) add(o share) {
	s.made, s.cleared, s.hit = s.made+o.made, s.cleared+o.cleared, s.hit+o.hit
}

func (s share) String() string {
	return fmt.Sprintf("%7d made, %7d cleared (%.2f %%), %d of the other %d have a hit", s.made, s.cleared, 100*float64(s.cleared)/float64(max(s.made, 1)), s.hit, s.made-s.cleared)
}

// TestDifferential compares benign requests, and says what share of each kind the sieve
// clears and which rules send the others to the oracle. `make waf-differential` runs it
// with a million of them.
func TestDifferential(t *testing.T) {
	p := newPair(t, waf.Ruleset{})
	var mu sync.Mutex
	var workersEnd sync.WaitGroup
	of, all := map[string]share{}, share{}
	for w := range *workers {
		workersEnd.Go(func() {
			one := &pair{oracle: p.oracle, sieve: p.sieve}
			mine := one.benign(t, waftest.NewBenign(*seed+uint64(w)<<32), *requests / *workers)
			mu.Lock()
			defer mu.Unlock()
			for kind, s := range mine {
				s.add(of[kind])
				of[kind] = s
			}
		})
	}
	workersEnd.Wait()
	for _, s := range of {
		all.add(s)
	}
	for _, kind := range waftest.Kinds() {
		t.Logf("%-7s %3.0f %% of all: %v", kind, 100*float64(of[kind].made)/float64(max(all.made, 1)), of[kind])
	}
	_, _, why := p.sieve.Stats()
	t.Logf("seed %d, all:        %v; those for %v", *seed, all, why)
	if float64(all.cleared) < 0.9*float64(all.made) {
		t.Errorf("only %d of %d benign requests are cleared", all.cleared, all.made)
	}
}

// benign compares n requests and counts them by kind. A long run says how far it is.
func (p *pair) benign(t *testing.T, b waftest.Benign, n int) map[string]share {
	of := map[string]share{}
	for i := range n {
		kind := waftest.Mixed(i)
		v, s := b.Make(kind), of[kind]
		s.made++
		if p.check(t, fmt.Sprint(kind, " ", i), v) {
			s.cleared++
		} else if p.want.Reset(); p.oracle.Judge(v, &p.want) == nil && len(p.want.Hits) > 0 {
			s.hit++
		}
		of[kind] = s
		if (i+1)%25_000 == 0 {
			t.Logf("one worker of %d has compared %d requests; differences: %t", *workers, i+1, t.Failed())
		}
	}
	return of
}

// TestMutated compares attacks of the Core Rule Set's own tests, changed at random and put
// into other places.
func TestMutated(t *testing.T) {
	cases, _, err := waftest.Load()
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(*seed, 99))
	for level := 1; level <= 4; level += 3 {
		p := newPair(t, waf.Ruleset{Paranoia: level})
		n := 0
		for i := range *mutants {
			c := &cases[rng.IntN(len(cases))]
			if p.check(t, fmt.Sprintf("level %d, %s mutated, %d", level, c.Name, i), mutate(rng, c.View())) {
				n++
			}
		}
		t.Logf("seed %d, paranoia %d: %d mutated attacks, %d cleared", *seed, level, *mutants, n)
	}
}

// mutate changes bytes, cases and spellings, and may move what a request carries.
func mutate(rng *rand.Rand, v *waf.View) *waf.View {
	v.Client = netip.MustParseAddr("203.0.113.9")
	_, query, _ := strings.Cut(v.Target, "?")
	payload := query + string(v.Body)
	if plain, err := url.QueryUnescape(payload); err == nil && rng.IntN(2) == 0 {
		payload = plain
	}
	payload = spoil(rng, payload)
	switch rng.IntN(6) {
	case 0:
		v.Target = "/a?x=" + url.QueryEscape(payload)
	case 1:
		v.Headers = append(v.Headers, waf.Field{Name: "Cookie", Value: "c=" + strings.ReplaceAll(payload, ";", ",")})
	case 2:
		body := []byte(fmt.Sprintf(`{"a":[{"b":%q}]}`, strings.ToValidUTF8(payload, "?")))
		v.Headers, v.Body, v.Method = []waf.Field{{Name: "Host", Value: "x.example"}, {Name: "Content-Type", Value: "application/json"}}, body, "POST"
	case 3:
		v.Headers = append(v.Headers, waf.Field{Name: "User-Agent", Value: payload})
	case 4:
		v.Body = []byte(spoil(rng, string(v.Body)))
	case 5:
		v.Target = spoil(rng, v.Target)
	}
	return v
}

// spoil makes a few small changes.
func spoil(rng *rand.Rand, s string) string {
	b := []byte(s)
	for range 1 + rng.IntN(3) {
		if len(b) == 0 {
			return string(b)
		}
		i := rng.IntN(len(b))
		switch rng.IntN(6) {
		case 0:
			b[i] ^= 0x20
		case 1:
			b = append(b[:i], b[i+1:]...)
		case 2:
			b = bytes.Join([][]byte{b[:i], b[i:]}, []byte([]string{" ", "/**/", "\\", "%00", "\u212a", "\x00", "+", "&#x41;", "\\x41", "한"}[rng.IntN(10)]))
		case 3:
			b[i] = byte(rng.IntN(256))
		case 4:
			b = fmt.Appendf(b[:i:i], "%%%02x%s", b[i], b[i+1:])
		case 5:
			b = fmt.Appendf(b[:i:i], "%%u%04x%s", b[i], b[i+1:])
		}
	}
	return string(b)
}

// FuzzClear compares any request: what the sieve clears has no hit.
func FuzzClear(f *testing.F) {
	f.Add("GET", "/a?q=1%27+or+1=1--", "a=b", "text/html", []byte(""))
	f.Add("POST", "/x", "", "application/json", []byte(`{"a":[1,"<script>",{"b":null}]}`))
	f.Add("POST", "/x", "k=v", "application/x-www-form-urlencoded", []byte("a=../../etc/passwd&b=%u0041"))
	f.Add("POST", "/x", "", "multipart/form-data; boundary=b", []byte("--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n--b--\r\n"))
	f.Add("POST", "/x", "", "text/xml", []byte(`<a b="c">d&lt;</a>`))
	p1, p3 := newPair(f, waf.Ruleset{}), newPair(f, waf.Ruleset{Paranoia: 3})
	f.Fuzz(func(t *testing.T, method, target, cookie, kind string, body []byte) {
		if len(target)+len(cookie)+len(kind)+len(body) > 4000 {
			t.Skip()
		}
		v := &waf.View{Client: netip.MustParseAddr("203.0.113.9"), Method: method, Target: target, Protocol: "HTTP/1.1", Host: "x.example", Body: body}
		v.Headers = []waf.Field{{Name: "Host", Value: "x.example"}, {Name: "User-Agent", Value: "Mozilla/5.0"}, {Name: "Accept", Value: "*/*"}, {Name: "Cookie", Value: cookie},
			{Name: "Content-Type", Value: kind}, {Name: "Content-Length", Value: fmt.Sprint(len(body))}}
		p1.check(t, "fuzzed", v)
		p3.check(t, "fuzzed, paranoia 3", v)
	})
}
