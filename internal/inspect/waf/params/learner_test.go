package params_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"haechi"
	"haechi/internal/inspect/waf"
	"haechi/internal/inspect/waf/params"
)

// site is a learner with a clock and somebody who asks.
type site struct {
	*params.Learner
	now    time.Time
	lesson haechi.Lesson
}

func newSite(cfg params.Config) *site {
	return &site{Learner: params.New(cfg), now: time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)}
}

// client is the nth of many, each in a network of its own.
func client(n int) *haechi.Actor {
	a := netip.AddrFrom4([4]byte{20, byte(n >> 8), byte(n), 7})
	return &haechi.Actor{Addr: a, Client: netip.PrefixFrom(a, 32), Assurance: haechi.Handshaken}
}

// ask has a GET looked at, without an answer.
func (s *site) ask(who *haechi.Actor, target string) []haechi.Hit {
	path, _, _ := strings.Cut(target, "?")
	return s.give(who, &waf.View{Method: "GET", Target: target}, path, true)
}

func (s *site) give(who *haechi.Actor, v *waf.View, path string, clean bool) []haechi.Hit {
	s.lesson.Reset()
	return s.Weigh(v, s.request(who, v, path), clean, nil, s.now)
}

func (s *site) request(who *haechi.Actor, v *waf.View, path string) *haechi.Request {
	return &haechi.Request{Service: "shop", Method: v.Method, Path: path, Actor: who, Lesson: &s.lesson}
}

// visit has it looked at and answered.
func (s *site) visit(who *haechi.Actor, target string) []haechi.Hit {
	hits := s.ask(who, target)
	path, _, _ := strings.Cut(target, "?")
	s.Learn(s.request(who, &waf.View{Method: "GET"}, path), s.now)
	return hits
}

// live lets so many days pass, with values of a parameter by so many clients.
func (s *site) live(days, each, clients int, target func(n int) string) (told int) {
	for n := range days * each {
		s.now = s.now.Add(24 * time.Hour / time.Duration(each))
		told += len(s.visit(client(n%clients), target(n)))
	}
	return told
}

func item(n int) string { return fmt.Sprintf("/item/%d?id=%d&lang=ko", n%500, n%997) }

// used is a site on which the id of an item has held integers for nine days.
func used(t *testing.T) *site {
	s := newSite(params.Config{})
	if told := s.live(9, 120, 60, item); told != 0 {
		t.Fatalf("%d told while it is learned", told)
	}
	return s
}

func attack() string { return "/item/7?id=" + url.QueryEscape("7' and extractvalue(1,concat(0x7e))") }

func TestMetacharactersWhereIntegersWereAreTold(t *testing.T) {
	s := used(t)
	hits := s.ask(client(9999), attack())
	if len(hits) != 1 {
		t.Fatalf("hits %+v", hits)
	}
	h := hits[0]
	if h.Rule != waf.RuleContext || h.Where != "ARGS:id" || h.Score != 0 || strings.Contains(h.Shape, "extractvalue") {
		t.Errorf("hit %+v", h)
	}
	u := h.Usual
	if u.Kinds != "integer" || u.Requests != 1080 || u.Networks < 50 || u.Networks > 70 || u.Days != 8 || u.Longest != 3 || u.Length != 35 || u.Known {
		t.Errorf("usual %+v", u)
	}
}

func TestWhatMustBeTold(t *testing.T) {
	s := used(t)
	for _, v := range []string{"1 or 1=1", "../../etc/passwd", "/etc/passwd", "http://203.0.113.9/x", "1;ls", "${7*7}", "{{7*7}}", "1|id", "$(id)", "<b>", "1\x00", "(1)", strings.Repeat("9 ", 600),
		strings.Repeat("1", 500) + "'"} {
		if hits := s.ask(client(9999), "/item/7?id="+url.QueryEscape(v)); len(hits) != 1 {
			t.Errorf("%q: %d hits", v, len(hits))
		}
	}
}

func TestWhatMustNotBeTold(t *testing.T) {
	s := used(t)
	for _, target := range []string{"/item/7?id=8", "/item/7?id=-8", "/item/7?id=", "/item/7?id=%208%20", "/item/7?id=8.5", "/item/7?id=abc", "/item/7?id=a-b_c", "/item/7?id=9f0c2d64-7c39-4d7e-9f64-0f4d2a6a1b2c",
		"/item/7?other=%27", "/other?id=%27", "/item/7/x?id=%27", "/item/7?lang=en-US"} {
		if hits := s.ask(client(9999), target); len(hits) != 0 {
			t.Errorf("%q is told: %+v", target, hits)
		}
	}
}

// A parameter in which people write tells nothing of quotes and brackets.
func TestFreeTextTellsNothing(t *testing.T) {
	s := newSite(params.Config{})
	words := []string{"winter coat", "코트 할인", "size 42", "best bike"}
	s.live(9, 120, 60, func(n int) string { return "/search?q=" + url.QueryEscape(words[n%len(words)]) })
	for _, q := range []string{"rock'n'roll", "coat (red)", "1' or '1'='1"} {
		if hits := s.ask(client(9999), "/search?q="+url.QueryEscape(q)); len(hits) != 0 {
			t.Errorf("%q is told", q)
		}
	}
}

func TestNothingIsToldBeforeEnoughIsKnown(t *testing.T) {
	for name, few := range map[string]func(*site){
		"too few values":    func(s *site) { s.live(9, 30, 60, item) },
		"too few networks":  func(s *site) { s.live(9, 120, 8, item) },
		"not long enough":   func(s *site) { s.live(2, 600, 60, item) },
		"nothing at all":    func(*site) {},
		"one who has a /24": func(s *site) { oneNetwork(s, item) },
	} {
		s := newSite(params.Config{})
		few(s)
		if hits := s.ask(client(9999), attack()); len(hits) != 0 {
			t.Errorf("%s: told", name)
		}
	}
}

// oneNetwork visits from 250 addresses of a /24 and from 65,536 /64 of a /48.
func oneNetwork(s *site, target func(int) string) {
	for n := range 2000 {
		a := netip.AddrFrom4([4]byte{203, 0, 113, byte(n % 250)})
		p := netip.PrefixFrom(a, 32)
		if n%2 == 0 {
			a = netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0, 1, byte(n >> 8), byte(n), 15: 1})
			p = netip.PrefixFrom(a, 64).Masked()
		}
		s.now = s.now.Add(10 * time.Minute)
		s.visit(&haechi.Actor{Addr: a, Client: p, Assurance: haechi.Handshaken}, target(n))
	}
}

// One attacker, whatever addresses a /24 and a /48 have, neither teaches a new kind nor
// takes away what is known.
func TestOneAttackerNeitherTeachesNorUnteaches(t *testing.T) {
	s := used(t)
	oneNetwork(s, func(int) string { return attack() })
	if hits := s.ask(client(9999), attack()); len(hits) != 1 {
		t.Error("an attacker alone taught his own values")
	}
	if hits := s.ask(client(9999), "/item/7?id=8"); len(hits) != 0 {
		t.Error("an attacker alone made what is usual unusual")
	}
}

// What the rules found something in teaches nothing, nor does what was not answered.
func TestFlaggedRequestsTeachNothing(t *testing.T) {
	s := used(t)
	for n := range 2000 {
		s.now = s.now.Add(time.Minute)
		v := &waf.View{Method: "GET", Target: attack()}
		if hits := s.give(client(n), v, "/item/7", false); len(hits) != 1 {
			t.Fatalf("after %d it is no longer told", n)
		}
		s.Learn(s.request(client(n), v, "/item/7"), s.now)
		s.ask(client(n), attack()) // and no Learn
	}
}

// Where a change of the application has many clients bring something new at once, it is
// told for an hour or two and then learned.
func TestAChangedApplicationIsLearned(t *testing.T) {
	s := used(t)
	filter := func(n int) string {
		return fmt.Sprintf("/item/%d?id=%s", n%500, url.QueryEscape(fmt.Sprintf("[%d,%d]", n, n+1)))
	}
	told := 0
	for n := range 600 {
		s.now = s.now.Add(time.Minute)
		told += len(s.visit(client(n%60), filter(n)))
	}
	if told == 0 || told > 90 {
		t.Errorf("%d of 600 requests of ten hours told", told)
	}
	if hits := s.ask(client(9999), filter(5)); len(hits) != 0 {
		t.Error("the new kind is still told")
	}
}

// A new kind that comes to be used slowly is told a few times and then learned; one that
// only few networks ever bring is not learned.
func TestANewKindSpreadsSlowly(t *testing.T) {
	s := used(t)
	told := s.live(20, 120, 60, func(n int) string {
		if n%37 == 7 {
			return "/item/3?id=" + url.QueryEscape("(all)")
		}
		return item(n)
	})
	if told == 0 || told > 25 {
		t.Errorf("%d told", told)
	}
	if hits := s.ask(client(9999), "/item/3?id=%28all%29"); len(hits) != 0 {
		t.Error("the new kind is still told")
	}
}

// A new kind that holds no more than the old ones is never told.
func TestANewIdIsNotTold(t *testing.T) {
	s := used(t)
	if told := s.live(3, 120, 60, func(n int) string { return fmt.Sprintf("/item/%d?id=9f0c2d64-7c39-4d7e-9f64-0f4d2a6a%04x", n, n) }); told != 0 {
		t.Errorf("%d told", told)
	}
}

func TestDisuseForgets(t *testing.T) {
	s := used(t)
	s.now = s.now.Add(100 * 24 * time.Hour)
	s.live(4, 120, 60, func(n int) string { return fmt.Sprintf("/item/%d?id=w%dx", n%500, n) })
	for _, h := range s.Held("shop") {
		if h.Name == "id" && h.Kinds != "slug" {
			t.Errorf("after a hundred days of disuse %q is known", h.Kinds)
		}
	}
}

func TestStanding(t *testing.T) {
	s := used(t)
	s.visit(client(7), item(7))
	user := client(9998)
	user.Assurance, user.User = haechi.Authenticated, "kim"
	for who, known := range map[*haechi.Actor]bool{client(7): true, client(9999): false, user: true} {
		hits := s.ask(who, attack())
		if len(hits) != 1 || hits[0].Usual.Known != known {
			t.Errorf("%v: %+v", who.Client, hits)
		}
	}
	// Who only attacks does not become known by it.
	for range 100 {
		s.now = s.now.Add(time.Hour)
		v := &waf.View{Method: "GET", Target: attack()}
		s.give(client(8888), v, "/item/7", false)
		s.Learn(s.request(client(8888), v, "/item/7"), s.now)
	}
	if hits := s.ask(client(8888), attack()); len(hits) != 1 || hits[0].Usual.Known {
		t.Error("an attacker became known by attacking")
	}
}

func TestBodies(t *testing.T) {
	s := newSite(params.Config{})
	post := func(n int, kind, body string, learn bool) []haechi.Hit {
		v := &waf.View{Method: "POST", Target: "/order", Headers: []waf.Field{{Name: "Content-Type", Value: kind}}, Body: []byte(body)}
		hits := s.give(client(n), v, "/order", true)
		if learn {
			s.now = s.now.Add(12 * time.Minute)
			s.Learn(s.request(client(n), v, "/order"), s.now)
		}
		return hits
	}
	const form, doc = "application/x-www-form-urlencoded", "application/json; charset=utf-8"
	for n := range 500 {
		post(n%60, form, fmt.Sprintf("qty=%d&note=two+words", n%9), true)
		post(n%60, doc, fmt.Sprintf(`{"user":{"id":"%04x-%d"},"items":[{"id":%d,"on":true},{"id":2,"on":null}],"text":"a \"b\" c"}`, n, n, n), true)
	}
	for _, c := range []struct{ kind, body, where string }{
		{form, "qty=1%27--&note=a'b", "ARGS:qty"},
		{doc, `{"user":{"id":"x\u0027 or 1"}}`, "ARGS:json.user.id"},
		{doc, `{"items":[{"id":1},{"id":"$(id)"}],"text":"it's"}`, "ARGS:json.items.*.id"},
		{doc, `{"items":[{"id":1},{"id":3}]}`, ""},
		{doc, `{"items":[{"id":`, ""},
	} {
		hits := post(9999, c.kind, c.body, false)
		if got := fmt.Sprint(hits); c.where == "" && len(hits) != 0 || c.where != "" && (len(hits) != 1 || hits[0].Where != c.where) {
			t.Errorf("%s: %s", c.body, got)
		}
	}
}

// A flood of names neither grows memory nor takes the place of what several networks use.
func TestNamesAreBounded(t *testing.T) {
	s := newSite(params.Config{Parameters: 64})
	s.live(9, 120, 60, item)
	oneNetwork(s, func(n int) string { return fmt.Sprintf("/x%c/%c?a%d=1&b%d=2", 'a'+n%26, 'a'+n/26%26, n, n) })
	if held := s.Held(""); len(held) > 64 {
		t.Errorf("%d parameters are held", len(held))
	}
	if hits := s.ask(client(9999), attack()); len(hits) != 1 {
		t.Error("a flood of names made what was known forgotten")
	}
	long := "/x?" + strings.Repeat("n", 65) + "=1"
	s.visit(client(1), long)
	for _, h := range s.Held("") {
		if len(h.Name) > 64 || len(h.Route) > 164 {
			t.Errorf("%q of %q", h.Name, h.Route)
		}
	}
}

func TestMemoryIsAsStated(t *testing.T) {
	if n := params.EntrySize(); n > 512 {
		t.Errorf("an entry takes %d bytes", n)
	}
	if n := unsafe.Sizeof(haechi.Lesson{}); n > 1024 {
		t.Errorf("a lesson takes %d bytes", n)
	}
}

func TestWhatWasLearnedIsRestored(t *testing.T) {
	s := used(t)
	state, err := s.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(state), "997") || strings.Contains(string(state), "20.0.0.7") {
		t.Error("the state holds a value or an address")
	}
	next := &site{Learner: params.New(params.Config{}), now: s.now}
	if err := next.UnmarshalBinary(state); err != nil {
		t.Fatal(err)
	}
	if a, b := fmt.Sprint(s.Held("")), fmt.Sprint(next.Held("")); a != b {
		t.Errorf("restored\n%s\nof\n%s", b, a)
	}
	if hits := next.ask(client(9999), attack()); len(hits) != 1 || hits[0].Usual.Known {
		t.Errorf("%+v", hits)
	}
	if hits := next.ask(client(59), attack()); len(hits) != 1 || !hits[0].Usual.Known {
		t.Error("the tenure of clients is lost")
	}
	for cut := range len(state) {
		if cut%97 != 0 {
			continue
		}
		if err := params.New(params.Config{}).UnmarshalBinary(state[:cut]); err == nil && cut < 20 {
			t.Errorf("%d bytes are taken", cut)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	l := params.New(params.Config{Parameters: 64})
	now := time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			s := &site{Learner: l, now: now}
			for n := range 300 {
				s.visit(client(w*1000+n), fmt.Sprintf("/item/%d?id=%d&n%d=x", n, n, n))
			}
		})
	}
	all.Go(func() {
		for range 20 {
			l.Held("")
			if _, err := l.MarshalBinary(); err != nil {
				t.Error(err)
			}
		}
	})
	all.Wait()
}

func TestKnownParametersAllocateNothing(t *testing.T) {
	s := used(t)
	who, v := client(7), &waf.View{Method: "GET", Target: "/item/7?id=8&lang=ko"}
	r := s.request(who, v, "/item/7")
	if n := testing.AllocsPerRun(200, func() { s.Weigh(v, r, true, nil, s.now); s.Learn(r, s.now) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestKinds(t *testing.T) {
	for value, want := range map[string]string{
		"": "none", "  ": "none", "0": "integer", "-17": "integer", "12345678901234567890": "integer", "1.5": "number", "-0.5": "number", "deadbeef01": "hex", "123456789012345678901": "hex",
		"9f0c2d64-7c39-4d7e-9f64-0f4d2a6a1b2c": "uuid", "2026-11-29": "date", "2026-11-29T09:30:00+09:00": "date", "2026-11-29 09:30": "date", "09:30": "date", "2026.11.29": "date",
		"hello": "word", "서울": "word", "a-b_c.1": "slug", "010-1234-5678": "slug", "1.2.3": "slug", "1,2,3": "list", "a,b": "list", "aGVsbG8=": "token", "kim@example.com": "email", "a/b/c.txt": "path", "/": "path",
		"https://example.com/a?b=c&d=%20": "url", "two words": "text", "really?": "text", "a=b": "code", "it's": "code", "a/../b": "code", "../x": "code", "x\x01y": "code", "http://x/'": "code", "50%": "code", "javascript:x": "slug",
	} {
		if got := params.KindOf(value); got != want {
			t.Errorf("%q is %s, want %s", value, got, want)
		}
	}
}

// FuzzWeigh: nothing that is asked breaks it, names are bounded, and a value that is told
// once is told again.
func FuzzWeigh(f *testing.F) {
	s := newSite(params.Config{Parameters: 256})
	s.live(4, 150, 40, item)
	f.Add("/item/1?id=1%27", "application/json", `{"a":[1,{"b":"\u0041"}]}`)
	f.Add("/item/1?id=%2", "application/x-www-form-urlencoded", "a=1&&=&b")
	f.Fuzz(func(t *testing.T, target, kind, body string) {
		path, _, _ := strings.Cut(target, "?")
		v := &waf.View{Method: "GET", Target: target, Headers: []waf.Field{{Name: "Content-Type", Value: kind}}, Body: []byte(body)}
		first := fmt.Sprint(s.give(client(9999), v, path, true))
		if s.lesson.N > haechi.MaxNoted {
			t.Fatal("too much is noted")
		}
		if again := fmt.Sprint(s.give(client(9999), v, path, true)); again != first {
			t.Fatalf("%s, then %s", first, again)
		}
		s.Learn(s.request(client(1), v, path), s.now)
		for _, h := range s.Held("") {
			if len(h.Name) > 64 || len(h.Route) > 164 {
				t.Fatalf("%q of %q", h.Name, h.Route)
			}
		}
	})
}

// FuzzState: what is read is written back as something that reads the same, and nothing
// breaks what reads.
func FuzzState(f *testing.F) {
	s := newSite(params.Config{Parameters: 64})
	s.live(4, 150, 40, item)
	state, err := s.MarshalBinary()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(state)
	f.Fuzz(func(t *testing.T, b []byte) {
		l := params.New(params.Config{Parameters: 64})
		if l.UnmarshalBinary(b) != nil {
			return
		}
		again, err := l.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		next := params.New(params.Config{Parameters: 64})
		if err := next.UnmarshalBinary(again); err != nil {
			t.Fatal(err)
		}
		one := &site{Learner: next, now: s.now}
		one.visit(client(3), attack())
	})
}

func BenchmarkWeighAndLearn(b *testing.B) {
	s := newSite(params.Config{})
	s.live(9, 120, 60, item)
	v := &waf.View{Method: "GET", Target: "/item/7?id=8&lang=ko"}
	r := s.request(client(7), v, "/item/7")
	b.ReportAllocs()
	for b.Loop() {
		s.Weigh(v, r, true, nil, s.now)
		s.Learn(r, s.now)
	}
}

func BenchmarkDocument(b *testing.B) {
	s := newSite(params.Config{})
	rng := rand.New(rand.NewPCG(1, 2))
	var doc strings.Builder
	doc.WriteString(`{"items":[`)
	for i := 0; doc.Len() < 2000; i++ {
		fmt.Fprintf(&doc, `{"id":%d,"name":"item number %d","price":%d.5},`, rng.IntN(1e6), i, rng.IntN(1e4))
	}
	doc.WriteString(`{}]}`)
	v := &waf.View{Method: "POST", Target: "/order", Headers: []waf.Field{{Name: "Content-Type", Value: "application/json"}}, Body: []byte(doc.String())}
	r := s.request(client(7), v, "/order")
	b.ReportAllocs()
	for b.Loop() {
		s.Weigh(v, r, true, nil, s.now)
		s.Learn(r, s.now)
	}
}
