package baseline

import (
	"time"

	"haechi"
	"haechi/internal/brick/iforest"
	"haechi/internal/brick/lru"
	"haechi/internal/detect"
)

// Config are the parameters.
type Config struct {
	Alarms     float64       `least:"0.01" most:"100"`           // a day, of everybody together
	Deviations float64       `least:"3" most:"100"`              // from the habit; fewer are never told
	Score      float64       `unit:"share"`                      // of the forest; less is never told
	Warm       time.Duration `least:"1d" most:"31d"`             // how long somebody is known before he is judged
	Accept     int           `least:"1" most:"1000"`             // told hours in a row after which they are the habit
	Subjects   int           `least:"16" most:"100000"`          // devices, hosts and services held at once
	Seed       int64         `least:"0" most:"9007199254740992"` // of the forest
}

// Defaults are the parameters as shipped: two alarms a day are what somebody who has
// other work looks at; five deviations are one hour in some million of a normal
// distribution; 0.6 is well above what an ordinary row scores in a forest.
func Defaults() Config {
	return Config{Alarms: 2, Deviations: 5, Score: 0.6, Warm: 7 * 24 * time.Hour, Accept: 72, Subjects: 2048, Seed: 1}
}

const (
	window  = 4096 // rows of the forest
	renewal = 16   // rows for each tree that is grown anew
	notable = 2    // deviations above the habit without which the forest is not asked
	forget  = 60 * 24
	idle    = 14 * 24 // hours
)

// Detector learns and finds. It is used by one goroutine.
type Detector struct {
	rule   detect.Rule
	site   detect.Site
	cfg    Config
	people *lru.Table[who, subject]
	forest *iforest.Window
	own    budget // deviations from the own habit
	others budget // scores of the forest
	now    int64  // the present hour since 1970
	busy   bool   // somebody did something in it
	keep   func([]byte)
}

// subject is what is known of one.
type subject struct {
	habit  *habit // nil until its first hour is over
	hour   hour
	last   sight
	since  int32          // hour in which it was first seen
	told   int32          // hours in a row
	attack *detect.Attack // nil: none was ever told, or it is over
}

// New returns a detector that knows nothing yet.
func New(rule detect.Rule, site detect.Site, cfg Config) *Detector {
	d := &Detector{rule: rule, site: site, cfg: cfg, people: lru.New[who, subject](cfg.Subjects, idle, who.hash)}
	d.forest = d.newForest()
	return d
}

func (d *Detector) newForest() *iforest.Window {
	f := iforest.Defaults()
	f.Seed = uint64(d.cfg.Seed)
	w, err := iforest.NewWindow(f, features, window, renewal)
	if err != nil {
		panic(err) // the numbers above are in its ranges
	}
	return w
}

// Share makes the budget of alarms one part of so many, for detectors that share it.
func (d *Detector) Share(parts int) { d.cfg.Alarms /= float64(max(parts, 1)) }

// Keep calls keep with what was learned, at the end of each hour, on the goroutine that
// uses the detector.
func (d *Detector) Keep(keep func([]byte)) { d.keep = keep }

// Refused counts the events of those who found no room.
func (d *Detector) Refused() uint64 { return d.people.Refused() }

// Observe implements the pipeline's detector.
func (d *Detector) Observe(e *haechi.Event, out []haechi.Finding) []haechi.Finding {
	if e.Sensor != "" && e.Kind != haechi.KindFlow {
		return out
	}
	k, ok := d.whose(e)
	if !ok {
		return out
	}
	out = d.advance(e.Time, out)
	s, fresh := d.people.Use(k, d.now)
	if s == nil {
		return out
	}
	if fresh {
		s.since = int32(d.now)
	}
	s.last.take(&e.Actor)
	s.hour.add(e)
	d.busy = true
	return out
}

// whose says whom the event is about, if it counts.
func (d *Detector) whose(e *haechi.Event) (who, bool) {
	if e.Refusal() || e.Provoked {
		return who{}, false
	}
	if e.Kind == haechi.KindFlow {
		if e.Phase != haechi.FlowEnd || !e.Client.IsValid() || e.State == haechi.FlowAnswerOnly || !d.site.Internal(e.Addr) {
			return who{}, false
		}
		return host(e.Client), true
	}
	if e.Kind != haechi.KindMessage && e.Kind != haechi.KindRequest && e.Kind != haechi.KindAuth && e.Kind != haechi.KindConnect {
		return who{}, false
	}
	if e.Device != "" {
		return who{kind: haechi.ScopeDevice, name: e.Device}, e.Assurance >= haechi.Authenticated
	}
	return who{kind: haechi.ScopeService, name: e.Service}, e.Service != "" && !e.Client.IsValid() // a roll-up
}

// Tick implements the pipeline's detector. It leaves a minute for events that are late.
func (d *Detector) Tick(now time.Time, out []haechi.Finding) []haechi.Finding {
	if d.now == 0 {
		return out
	}
	return d.advance(now.Add(-time.Minute), out)
}

// advance closes the present hour once it is over.
func (d *Detector) advance(at time.Time, out []haechi.Finding) []haechi.Finding {
	h := at.Unix() / 3600
	if h <= d.now {
		return out
	}
	if d.now != 0 && d.busy {
		out = d.close(out)
	}
	d.now, d.busy = h, false
	d.people.Expire(h-forget, nil)
	return out
}

// close judges what everybody did in the present hour, and learns it.
func (d *Detector) close(out []haechi.Finding) []haechi.Finding {
	for k, s := range d.people.All() {
		told := false
		if s.hour.n > 0 {
			told, out = d.judge(k, s, out)
		}
		if s.told++; !told {
			s.told = 0
			out = d.over(s, out)
		}
		if int(s.told) > d.cfg.Accept { // it is the new habit
			s.habit, s.told, told = nil, 0, false
			out = d.over(s, out)
		}
		if !told {
			d.learn(s)
		}
		s.hour.begin()
	}
	if d.keep != nil {
		if b, err := d.MarshalBinary(); err == nil {
			d.keep(b)
		}
	}
	return out
}

func (d *Detector) learn(s *subject) {
	if s.habit == nil {
		s.habit = new(habit)
	}
	s.habit.learn(d.now, s.hour.values())
	if s.hour.n > 0 {
		row := s.hour.row(d.now)
		d.forest.Add(row[:])
	}
}

// judge asks both questions, and reports whether the answer was told.
func (d *Detector) judge(k who, s *subject, out []haechi.Finding) (bool, []haechi.Finding) {
	if d.now-int64(s.since) < int64(d.cfg.Warm/time.Hour) {
		return false, out
	}
	j := d.question(s)
	unusual, strange := d.lines(s, j)
	if !unusual && !strange {
		return false, out
	}
	return true, d.tell(k, s, j, unusual, strange, out)
}

// lines compares the answers with their lines. What goes on is compared with the floors,
// so that an attack does not end because a line rose, and is no second alarm in the
// budget.
func (d *Detector) lines(s *subject, j judgement) (unusual, strange bool) {
	own, others := float32(d.cfg.Deviations), float32(d.cfg.Score)
	if s.attack != nil {
		return j.farthest > d.cfg.Deviations, j.score > others
	}
	unusual, strange = float32(j.farthest) > max(d.own.line, own), j.score > max(d.others.line, others)
	allowed := float32(d.cfg.Alarms / 2)
	d.own.note(d.now/24, float32(j.farthest), allowed, own)
	d.others.note(d.now/24, j.score, allowed, others)
	return unusual && d.own.drawn(), strange && d.others.drawn()
}

// judgement is the answer to both questions.
type judgement struct {
	z        [four]float64
	farthest float64
	score    float32
	shares   [four]float64 // of the forest's score
}

func (d *Detector) question(s *subject) (j judgement) {
	if s.habit != nil && int64(s.habit.hours) >= int64(d.cfg.Warm/time.Hour)/2 {
		j.z = s.habit.deviations(d.now, s.hour.values(), s.hour.n)
	}
	for _, z := range j.z {
		j.farthest = max(j.farthest, z)
	}
	more := s.hour.n >= fewEvents && j.farthest > notable // quiet hours are rare rows too, and nobody asks about them
	if f := d.forest.Forest(); f != nil && more && d.forest.Len() >= window/4 {
		var shares [features]float32
		row := s.hour.row(d.now)
		j.score = f.Explain(shares[:], row[:])
		for i, v := range shares {
			if of := ofFour(i); of >= 0 {
				j.shares[of] += float64(v)
			}
		}
	}
	return j
}
