package gcra_test

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"haechi/internal/brick/gcra"
)

const sec = int64(time.Second)

func deviceRates() []gcra.Rate {
	return []gcra.Rate{
		{Events: 300, Per: time.Minute}, {Events: 10_000, Per: time.Hour}, {Events: 100_000, Per: 24 * time.Hour},
	}
}

func table(capacity int, rates ...gcra.Rate) *gcra.Table {
	return gcra.New(gcra.Config{Windows: rates, Capacity: capacity})
}

func TestLimitNAdmitsNAndRefusesTheNext(t *testing.T) {
	for _, r := range []gcra.Rate{
		{Events: 1, Per: time.Second}, {Events: 5, Per: time.Second, Burst: 10}, {Events: 100, Per: time.Second},
		{Events: 300, Per: time.Minute}, {Events: 7, Per: time.Minute}, {Events: 100_000, Per: 24 * time.Hour},
	} {
		tab, want := table(16, r), r.Events
		if r.Burst > 0 {
			want = r.Burst
		}
		for i := range want {
			if got := tab.Allow(1, 5*sec, 1); !got.OK {
				t.Fatalf("%+v: call %d of %d refused: %+v", r, i+1, want, got)
			}
		}
		got := tab.Allow(1, 5*sec, 1)
		if got.OK {
			t.Errorf("%+v: call %d admitted", r, want+1)
		}
		if got.RetryAfter <= 0 || got.RetryAfter > r.Per/time.Duration(r.Events)+time.Microsecond {
			t.Errorf("%+v: retry after %v", r, got.RetryAfter)
		}
		if again := tab.Allow(1, 5*sec+int64(got.RetryAfter)-int64(time.Microsecond), 1); again.OK {
			t.Errorf("%+v: admitted before the retry time", r)
		}
		if again := tab.Allow(1, 5*sec+int64(got.RetryAfter), 1); !again.OK {
			t.Errorf("%+v: refused at the retry time: %+v", r, again)
		}
	}
}

func TestSustainedRateIsHeldOverAnyStretch(t *testing.T) {
	tab, admitted := table(16, gcra.Rate{Events: 300, Per: time.Minute}), 0
	const hour = 3600 * sec
	for now := int64(0); now < hour; now += 7 * int64(time.Millisecond) {
		if tab.Allow(1, now, 1).OK {
			admitted++
		}
	}
	if admitted < 300*60 || admitted > 300*61 {
		t.Errorf("%d admitted in an hour, want 18,000 and at most one burst more", admitted)
	}
}

// TestMinuteEdge is row F7: 600 messages around the edge of a calendar minute.
func TestMinuteEdge(t *testing.T) {
	tab, admitted := table(16, deviceRates()...), 0
	for i := range int64(600) {
		if tab.Allow(1, 59*sec+700*int64(time.Millisecond)+i*int64(time.Millisecond), 1).OK {
			admitted++
		}
	}
	if admitted > 303 {
		t.Errorf("%d messages passed within 0.6 s around the edge of a minute", admitted)
	}
}

// TestRefusedCallsBurnNoWindow is rows F9 and F10: a device that retries without
// rest loses nothing of its hour and day.
func TestRefusedCallsBurnNoWindow(t *testing.T) {
	patient, eager := table(16, deviceRates()...), table(16, deviceRates()...)
	for i := range 300 {
		patient.Allow(1, 0, 1)
		if !eager.Allow(1, 0, 1).OK {
			t.Fatalf("call %d refused", i+1)
		}
	}
	for range 50_000 {
		if r := eager.Allow(1, 0, 1); r.OK || r.Window != 0 {
			t.Fatalf("call beyond the minute: %+v", r)
		}
	}
	for now := 60 * sec; now < 7200*sec; now += 60 * sec {
		for i := range 300 {
			p, e := patient.Allow(1, now, 1), eager.Allow(1, now, 1)
			if p != e {
				t.Fatalf("at %d s, call %d: %+v after retries, %+v without", now/sec, i+1, e, p)
			}
		}
	}
}

func TestTheTightestWindowIsReported(t *testing.T) {
	tab := table(16, gcra.Rate{Events: 10, Per: time.Second}, gcra.Rate{Events: 20, Per: time.Hour})
	var r gcra.Result
	for i := range int64(20) {
		r = tab.Allow(1, i*sec, 1)
	}
	if !r.OK || r.Window != 1 {
		t.Errorf("the 20th call: %+v, want it admitted with the hour used most", r)
	}
	if r = tab.Allow(1, 20*sec, 1); r.OK || r.Window != 1 || r.Used < 19 {
		t.Errorf("the 21st call: %+v, want it refused by the hour", r)
	}
}

func TestReserveChargesTheWait(t *testing.T) {
	tab := table(16, gcra.Rate{Events: 10, Per: time.Second})
	for range 10 {
		tab.Allow(1, 0, 1)
	}
	for i := range 5 {
		r := tab.Reserve(1, 0, 1, 500*time.Millisecond)
		if want := time.Duration(i+1) * 100 * time.Millisecond; !r.OK || r.RetryAfter != want {
			t.Errorf("reservation %d: %+v, want a wait of %v", i+1, r, want)
		}
	}
	if r := tab.Reserve(1, 0, 1, 500*time.Millisecond); r.OK || r.RetryAfter != 600*time.Millisecond {
		t.Errorf("the sixth: %+v, want it refused for 600ms", r)
	}
	if r := tab.Allow(1, 599*int64(time.Millisecond), 1); r.OK {
		t.Error("what was reserved can be had again")
	}
}

func TestCost(t *testing.T) {
	tab := table(16, gcra.Rate{Events: 10, Per: time.Second})
	if r := tab.Allow(1, 0, 11); r.OK || r.RetryAfter < time.Hour {
		t.Errorf("a cost above the burst: %+v", r)
	}
	if r := tab.Allow(1, 0, 7); !r.OK || r.Used != 7 {
		t.Errorf("cost 7 of 10: %+v", r)
	}
	if tab.Allow(1, 0, 4).OK || !tab.Allow(1, 0, 3).OK || tab.Allow(1, 0, 0).OK {
		t.Error("costs do not add up to the limit; a cost of 0 must count as 1")
	}
	if r := tab.Allow(2, 0, 1<<32-1); r.OK {
		t.Errorf("the largest cost is admitted: %+v", r)
	}
}

func TestRatesThatAdmitNothing(t *testing.T) {
	for _, rates := range [][]gcra.Rate{nil, {{}}, {{Events: -1, Per: time.Second}}, {{Events: 5}}} {
		if r := table(16, rates...).Allow(1, 0, 1); r.OK || r.RetryAfter <= 0 {
			t.Errorf("%v: %+v", rates, r)
		}
	}
}

func TestTimeMayRunBackwards(t *testing.T) {
	tab := table(16, gcra.Rate{Events: 2, Per: time.Second})
	for _, now := range []int64{1_790_000_000 * sec, -5, 1_790_000_000*sec - 10*sec} {
		tab.Allow(1, now, 1)
	}
	if tab.Allow(1, 1_790_000_000*sec, 1).OK {
		t.Error("a step back of the clock gave quota away")
	}
	if !tab.Allow(1, 1_790_000_000*sec+2*sec, 1).OK {
		t.Error("the limit did not recover after the step")
	}
	if r := tab.Allow(3, 1<<63-1, 1); !r.OK {
		t.Errorf("the end of time: %+v", r)
	}
}

func TestConcurrentCallsAdmitExactlyTheLimit(t *testing.T) {
	const keys, workers, limit = 50, 8, 40
	tab := table(64, gcra.Rate{Events: limit, Per: time.Hour}, gcra.Rate{Events: 1000, Per: 24 * time.Hour})
	var admitted [keys]atomic.Int64
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for i := range keys * limit {
				if tab.Allow(uint64(i%keys), 0, 1).OK {
					admitted[i%keys].Add(1)
				}
			}
		})
	}
	wg.Wait()
	for k := range admitted {
		if got := admitted[k].Load(); got != limit {
			t.Errorf("key %d: %d admitted, want %d", k, got, limit)
		}
	}
	if s := tab.Stats(); s.Refused != keys*limit*(workers-1) || s.Overflow != 0 {
		t.Errorf("stats %+v", s)
	}
}

// TestModel compares with one exact limiter a key, under a random walk of time and
// keys: in a table small enough that keys spill out of their home buckets, and in one
// that grows meanwhile.
func TestModel(t *testing.T) {
	for _, tt := range []struct {
		capacity int
		keys     uint64
		pause    time.Duration // at most, between two calls
	}{{200, 400, 2 * time.Millisecond}, {100_000, 40_000, 100 * time.Microsecond}} {
		rng := rand.New(rand.NewPCG(1, 2))
		tab := gcra.New(gcra.Config{Windows: []gcra.Rate{{Events: 3, Per: time.Second}}, Capacity: tt.capacity, Seed: 7})
		const unit = (333_333_334 + 63) / 64 // the table's unit: a 64th of the interval
		tats, now := map[uint64]int64{}, int64(0)
		tab.Allow(1<<40, 0, 1) // sets the origin
		for range 300_000 {
			now += rng.Int64N(int64(tt.pause))
			key, at := rng.Uint64N(tt.keys), now/unit
			next := max(tats[key], at) + 64
			want := next <= at+3*64
			if got := tab.Allow(key, now, 1); got.OK != want {
				t.Fatalf("key %d at %d: %+v, want %v; %+v", key, now, got, want, tab.Stats())
			}
			if want {
				tats[key] = next
			}
		}
		if s := tab.Stats(); s.Overflow != 0 || s.Refused == 0 {
			t.Errorf("the walk did not test what it should: %+v", s)
		}
	}
}

// TestErasPass walks through years, over every kind of pause, so that buckets are
// rebased both with live and with dead entries.
func TestErasPass(t *testing.T) {
	for _, events := range []int{1_000_000, 100, 1} {
		tab := gcra.New(gcra.Config{Windows: []gcra.Rate{{Events: events, Per: time.Second, Burst: 4}}, Capacity: 16})
		pause := int64(1)
		for now := int64(0); now < 10*365*86_400*sec; now += pause {
			for i := range 4 {
				if r := tab.Allow(9, now, 1); !r.OK {
					t.Fatalf("%d/s after %v, call %d: %+v", events, time.Duration(now), i+1, r)
				}
			}
			if r := tab.Allow(9, now, 1); r.OK {
				t.Fatalf("%d/s after %v: a fifth call admitted", events, time.Duration(now))
			}
			pause = max(pause*3/2+1, 5*sec)
		}
	}
}

// TestEraEdge exhausts a quota just before each of a few eras ends and looks just
// after: the edge gives nothing away.
func TestEraEdge(t *testing.T) {
	tab := table(16, gcra.Rate{Events: 1000, Per: time.Second}) // unit 15,625 ns, era 2^43 ns
	const era = int64(1) << 43
	tab.Allow(1, 0, 1)
	for n := int64(1); n < 6; n++ {
		tab.Allow(1, n*era-5, 1000)
		if r := tab.Allow(1, n*era+5, 2); r.OK || r.Used < 999 {
			t.Errorf("era %d gave quota away: %+v", n, r)
		}
		if r := tab.Allow(1, n*era+500*int64(time.Millisecond), 490); !r.OK {
			t.Errorf("era %d: half a second later: %+v", n, r)
		}
		if r := tab.Allow(1, n*era-5, 490); r.OK {
			t.Errorf("era %d: a late caller was admitted: %+v", n, r)
		}
	}
}

func TestPeekChargesNothing(t *testing.T) {
	tab := table(16, gcra.Rate{Events: 10, Per: time.Second})
	for range 100 {
		if r := tab.Peek(1, sec, 1); !r.OK {
			t.Fatalf("%+v", r)
		}
	}
	if tab.Live(sec) != 0 {
		t.Error("a look took a place")
	}
	for range 10 {
		tab.Allow(1, sec, 1)
	}
	r := tab.Peek(1, sec, 1)
	if r.OK || r.Used != 10 || r.RetryAfter <= 0 {
		t.Errorf("after 10: %+v", r)
	}
	if again := tab.Peek(1, sec+int64(r.RetryAfter), 1); !again.OK {
		t.Errorf("at the retry time: %+v", again)
	}
}

// TestDebit: what was spent is charged whatever it is, up to twice the burst.
func TestDebit(t *testing.T) {
	tab := table(16, gcra.Rate{Events: 10, Per: time.Second, Burst: 50})
	tab.Debit(1, sec, 49)
	if r := tab.Peek(1, sec, 1); !r.OK {
		t.Errorf("49 of 50: %+v", r)
	}
	tab.Debit(1, sec, 1_000_000)
	r := tab.Peek(1, sec, 1)
	if r.OK || r.Used != 100 || r.RetryAfter < 5*time.Second || r.RetryAfter > 5200*time.Millisecond {
		t.Errorf("%+v, want twice the burst and the time of one", r)
	}
	if r := tab.Peek(1, sec+int64(r.RetryAfter), 1); !r.OK {
		t.Errorf("at the retry time: %+v", r)
	}
	for key := range uint64(5000) { // many keys, few places: all are charged to the shared one
		tab.Debit(key, sec, 60)
	}
	if r := tab.Peek(999_999, sec, 1); r.OK && tab.Stats().Overflow == 0 {
		t.Errorf("%+v, %+v", r, tab.Stats())
	}
}
