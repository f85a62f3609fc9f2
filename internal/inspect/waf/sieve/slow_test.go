package sieve_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"testing"
	"time"

	"haechi/internal/inspect/waf"
)

var slowest = flag.Int("slowest", 5, "how many forms TestSlowest tries")

// slowForms are the slowest that TestSlowest found, by what they are slow for; each is
// repeated to slowBytes in one parameter.
func slowForms() map[string]string {
	return map[string]string{"sieve": "=\\x.41&../ or \u212a#union x4/!*11|;(", "oracle": "|=/*"}
}

// slowBytes is the length of a form that is to be slow.
const slowBytes = 4096

func slowForm(unit string) *waf.View {
	return view("POST", "/login", "application/x-www-form-urlencoded", []byte("a="+url.QueryEscape(strings.Repeat(unit, slowBytes/len(unit)+1)[:slowBytes])))
}

// TestSlowest looks for the form of 4 KB that takes the sieve and the oracle longest: it
// repeats small texts that rules look for, keeps the slowest and changes them. It holds
// that none takes a hundred times what most do.
func TestSlowest(t *testing.T) {
	p := newPair(t, waf.Ruleset{})
	rng := rand.New(rand.NewPCG(*seed, 5))
	for name, judge := range map[string]func(*waf.View){
		"sieve":  func(v *waf.View) { p.sieve.Clear(v, &p.got); p.got.Reset() },
		"oracle": func(v *waf.View) { _ = p.oracle.Judge(v, &p.want); p.want.Reset() },
	} {
		n := *slowest
		if name == "oracle" {
			n = max(n/10, 1)
		}
		best, bestTook := "", time.Duration(0)
		for i := range n {
			unit := grow(rng, best, i)
			// Something else with the same text keeps the memory of known values out.
			if took := fastest(3, func(k int) { judge(slowForm(unit + fmt.Sprint(k))) }); took > bestTook {
				best, bestTook = unit, took
			}
		}
		t.Logf("seed %d, %s: slowest of %d is %q, repeated: %v", *seed, name, n, best, bestTook)
		if bestTook > 10*time.Second {
			t.Errorf("%s takes %v for %q", name, bestTook, best)
		}
	}
}

// grow changes the slowest text so far, or begins anew.
func grow(rng *rand.Rand, best string, i int) string {
	parts := []string{"select ", "'", "\"", "<", ">", "../", "%", "&#x41;", "\\x41", "/*", "*/", "--", "union ", "(", ")", ";", "|", "$", "`", "{", "}", "[", "]", "=", "+", " or ", "a", "1", "@", "#", ".", ",", ":", "\n", "\x00", "\u212a", "한",
		"javascript:", "on", "eval(", "${", "#{", "php:", "http://", "cmd", "ls ", "sh ", "style", "\\", "^", "~", "!"}
	if i%4 == 0 || best == "" {
		best = ""
		for range 1 + rng.IntN(4) {
			best += parts[rng.IntN(len(parts))]
		}
		return best
	}
	at := rng.IntN(len(best) + 1)
	if len(best) > 3 && rng.IntN(3) == 0 {
		return best[:len(best)-1]
	}
	return best[:at] + parts[rng.IntN(len(parts))] + best[at:]
}

// fastest is the shortest of n runs.
func fastest(n int, run func(k int)) time.Duration {
	best := time.Duration(1 << 62)
	for k := range n {
		start := time.Now()
		run(k)
		best = min(best, time.Since(start))
	}
	return best
}

// BenchmarkSlowest measures the forms that TestSlowest found.
func BenchmarkSlowest(b *testing.B) {
	p := newPair(b, waf.Ruleset{})
	for name, unit := range slowForms() {
		b.Run(name+"/sieve", func(b *testing.B) {
			v := slowForm(unit)
			for n := 0; b.Loop(); n++ {
				v.Body = append(v.Body[:len(v.Body)-4], fmt.Sprintf("%04d", n%10000)...) // not seen before
				p.sieve.Clear(v, &p.got)
				p.got.Reset()
			}
		})
		b.Run(name+"/oracle", func(b *testing.B) { judge(b, p.oracle, slowForm(unit)) })
	}
}

// TestManyRules: a form made of what many rules look for goes to the oracle before its
// rules cost as much as that, and an honest long text does not.
func TestManyRules(t *testing.T) {
	p := newPair(t, waf.Ruleset{})
	p.sieve.Clear(slowForm(slowForms()["sieve"]), &p.got)
	_, _, why := p.sieve.Stats()
	if len(why) != 1 || why[0].Rule != 0 || why[0].Why != "many rules may match" {
		t.Errorf("asked for %v", why)
	}
	long := strings.Repeat("The winter coat is warm and the delivery was fast; I would order it again. ", 200)
	if !p.check(t, "a long text", view("POST", "/review", "application/x-www-form-urlencoded", []byte("text="+url.QueryEscape(long)))) {
		_, _, why := p.sieve.Stats()
		t.Errorf("an honest text of %d bytes is not cleared: %v", len(long), why)
	}
}
