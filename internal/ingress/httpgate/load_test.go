package httpgate_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"haechi"
	"haechi/internal/ingress/httpgate"
)

// Afford refuses the clients of 127.9.0.0/16, which spent too much elsewhere.
func (h *house) Afford(_ string, a *haechi.Actor, _ time.Time) haechi.Verdict {
	if !strings.HasPrefix(a.Addr.String(), "127.9.") {
		return haechi.Verdict{}
	}
	return haechi.Verdict{Action: haechi.Deny, Delay: 3 * time.Second, Reason: haechi.ReasonRateLimit, Rule: "limit/cost",
		Ref: "AAAAA-BBBBB", Observed: 9, Threshold: 5}
}

func (h *house) Spend(_ string, _ *haechi.Actor, work time.Duration, _ int64, _ time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.spent += work
}

// weak is a server of four workers, with a cheap page and a dear one.
func weak() http.Handler {
	workers := make(chan struct{}, 4)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case workers <- struct{}{}:
		case <-r.Context().Done():
			return
		}
		defer func() { <-workers }()
		work := 2 * time.Millisecond
		if r.URL.Path == "/dear" {
			work = 150 * time.Millisecond
		}
		<-time.After(work)
		io.WriteString(w, "done")
	})
}

// visit asks until stopped, and counts the answers by status.
func (r *rig) visit(from, path string, every time.Duration, stop <-chan struct{}, got *statuses) {
	c := r.client(from)
	for {
		req, err := http.NewRequest("GET", "http://"+r.addr+path, nil)
		if err != nil {
			r.t.Error(err)
			return
		}
		req.Host = "shop.test"
		if res, err := c.Do(req); err == nil {
			io.Copy(io.Discard, res.Body)
			res.Body.Close()
			got[res.StatusCode].Add(1)
		} else {
			r.t.Errorf("%s %s: %v", from, path, err)
		}
		select {
		case <-stop:
			return
		case <-time.After(every):
		}
	}
}

// An attack with expensive pages by many new clients: they are refused, with reference
// and Retry-After; who was there before is served, or refused far less often; it is told
// once each time that the servers are busy. How much is served says how fast the machine
// is, so only who is refused is compared.
func TestNewClientsAreShedFirst(t *testing.T) {
	r := start(t, httpgate.Config{Sites: []httpgate.Site{{Service: "shop", Hosts: []string{"shop.test"}}}}, weak())
	var told, shed int
	enough := make(chan struct{})
	heard := listen(t, r.events, enough, &told, &shed)
	stop := make(chan struct{})
	var all sync.WaitGroup
	var honest, early, attackers statuses
	all.Go(func() { r.visit("127.0.0.2", "/", 200*time.Millisecond, stop, &honest) })
	all.Go(func() { r.visit("127.0.0.3", "/dear", 500*time.Millisecond, stop, &early) })
	const lead = 6 * time.Second // after twice that, who came with the attack is known for as long as counts
	<-time.After(lead)
	for i := range 80 {
		all.Go(func() { r.visit(fmt.Sprintf("127.0.9.%d", i+1), "/dear", 50*time.Millisecond, stop, &attackers) })
	}
	<-time.After(lead / 2) // in which it is noticed, and what came in at once is worked off
	before, gone := honest[200].Load(), honest[503].Load()
	<-time.After(lead * 2 / 5)
	ok, refused := honest[200].Load()-before, honest[503].Load()-gone
	close(stop)
	all.Wait()
	t.Logf("known client: %d served, %d refused; attackers: %d served, %d refused", ok, refused, attackers[200].Load(), attackers[503].Load())
	share := float64(attackers[503].Load()) / float64(attackers.all())
	// Of a machine that gives the known client fewer answers than six there is nothing to compare.
	if known := ok + refused; share < 0.2 || known >= 6 && float64(refused) > float64(known)*share*3/4 {
		t.Errorf("the known client: %d served, %d refused; of the attackers' requests %.2f were", ok, refused, share)
	}
	close(enough)
	<-heard
	if told == 0 || shed == 0 {
		t.Errorf("told %d times, %d refusals recorded", told, shed)
	}
}

// statuses are counts of answers.
type statuses [600]atomic.Int64

func (a *statuses) all() (n int64) {
	for i := range a {
		n += a[i].Load()
	}
	return n
}

// listen looks at the events of an attack as they come.
func listen(t *testing.T, events <-chan haechi.Event, enough <-chan struct{}, told, shed *int) <-chan struct{} {
	heard := make(chan struct{})
	go func() {
		defer close(heard)
		busy := false
		for {
			var e haechi.Event
			select {
			case e = <-events:
			case <-enough:
				return
			}
			switch {
			case e.Kind == haechi.KindSystem:
				if begins := e.Outcome == haechi.Failure; begins == busy {
					t.Errorf("told twice: %+v", e)
				} else if busy = begins; begins {
					*told++
				}
				if e.Service != "shop" || busy && e.Observed <= e.Threshold && !strings.Contains(e.Text, "overdue") {
					t.Errorf("event %+v", e)
				}
			case e.Rule == httpgate.RuleOverload:
				*shed++
				if e.Status != 503 || e.Ref == "" || e.Reason != haechi.ReasonOverload || e.Threshold == 0 {
					t.Errorf("event %+v", e)
				}
			}
		}
	}()
	return heard
}

// Must not fire: a heavy user of servers that have the room, whatever he spent. He is
// charged with the time that it took, and not with more.
func TestHeavyUserOfIdleServers(t *testing.T) {
	r := start(t, httpgate.Config{Sites: []httpgate.Site{{Service: "shop", Hosts: []string{"shop.test"}}}}, weak())
	stop := make(chan struct{})
	var all sync.WaitGroup
	var heavy statuses
	began := time.Now()
	for range 3 {
		all.Go(func() { r.visit("127.9.0.1", "/dear", 0, stop, &heavy) })
	}
	for end := began.Add(time.Minute); heavy.all() < 24 && time.Now().Before(end); {
		<-time.After(10 * time.Millisecond)
	}
	close(stop)
	all.Wait()
	most := 3 * time.Since(began)
	if heavy[429].Load()+heavy[503].Load() != 0 || heavy[200].Load() < 24 {
		t.Errorf("%d served, %d and %d refused", heavy[200].Load(), heavy[429].Load(), heavy[503].Load())
	}
	want, spent := time.Duration(heavy[200].Load())*150*time.Millisecond, time.Duration(0)
	for end := time.Now().Add(20 * time.Second); spent < want && time.Now().Before(end); { // the last is charged behind its answer
		<-time.After(time.Millisecond)
		r.mu.Lock()
		spent = r.spent
		r.mu.Unlock()
	}
	if spent < want || spent > most {
		t.Errorf("charged with %v for %v of work, %v of waiting", spent, want, most)
	}
}

// Under contention, who spent too much is slowed down, with the numbers, while others
// are not asked.
func TestCostlyClientUnderContention(t *testing.T) {
	block := make(chan struct{})
	r := start(t, httpgate.Config{Sites: []httpgate.Site{{Service: "shop", Hosts: []string{"shop.test"}, Load: httpgate.Load{InFlight: 8}}}},
		http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			if q.URL.Path == "/wait" {
				<-block
			}
		}))
	if a := r.do("127.9.0.1", "GET", "shop.test/", nil); a.StatusCode != 200 {
		t.Errorf("without contention: %d", a.StatusCode)
	}
	r.next(t)
	r.get("shop.test/") // 127.0.0.2 is known from now on
	r.next(t)
	var waiting sync.WaitGroup
	for range 4 {
		waiting.Go(func() { r.do("127.0.0.2", "GET", "shop.test/wait", nil) })
	}
	for {
		full := false
		for _, c := range r.gate.Counters() {
			full = full || c.Name == "http_in_flight_now" && c.Value == 4
		}
		if full {
			break
		}
		<-time.After(time.Millisecond)
	}
	a := r.do("127.9.0.1", "GET", "shop.test/", nil)
	e := r.next(t)
	if a.StatusCode != 429 || a.Header.Get("Retry-After") != "3" || e.Rule != "limit/cost" || e.Observed != 9 || e.Threshold != 5 {
		t.Errorf("costly client: %d, %v, event %+v", a.StatusCode, a.Header, e)
	}
	if a := r.get("shop.test/"); a.StatusCode != 200 {
		t.Errorf("another client: %d", a.StatusCode)
	}
	close(block)
	waiting.Wait()
}

// A stream of events and an upgrade wait without work: they are not under way.
func TestStreamsAreNotUnderWay(t *testing.T) {
	r := start(t, httpgate.Config{}, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.WriteHeader(200)
		http.NewResponseController(w).Flush()
		<-q.Context().Done()
	}))
	c, br := r.raw("127.0.0.3", "GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n")
	if _, err := br.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	for _, c := range r.gate.Counters() {
		if c.Name == "http_in_flight_now" && c.Value != 0 {
			t.Errorf("%d under way", c.Value)
		}
	}
	c.Close()
	r.next(t)
}
