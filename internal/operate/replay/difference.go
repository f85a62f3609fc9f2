package replay

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"haechi"
)

// Incident is one attack as it was told last, with the most that was observed.
type Incident struct {
	haechi.Finding
	// Detected is when it was told first, Units how much of the source had been read then.
	Detected time.Time
	Units    uint64
}

// Incidents collects findings. The zero value is empty.
type Incidents struct {
	list []*Incident
	byID map[haechi.Reference]*Incident
}

// Add takes the next finding. One that names no incident is one of its own.
func (i *Incidents) Add(f *Found) {
	known := i.byID[f.Incident]
	if known == nil {
		known = &Incident{Finding: f.Finding, Detected: f.Time, Units: f.Units}
		i.list = append(i.list, known)
		if f.Incident != "" {
			if i.byID == nil {
				i.byID = map[haechi.Reference]*Incident{}
			}
			i.byID[f.Incident] = known
		}
		return
	}
	most := max(known.Observed, f.Observed)
	known.Finding = f.Finding
	known.Observed = most
}

// Difference is an incident that only one side found, or that both found and tell
// otherwise.
type Difference struct {
	Before, After *Incident // nil: that side did not find it
	// Fields are what differs where both found it: severity, mode, action, for, score,
	// threshold, detected, observed.
	Fields []string
}

// same is what two sides must agree in to speak of the same attack: the rule, and who did
// it, or to whom where nobody is named.
type same struct {
	rule   string
	party  netip.Prefix
	device string
}

func (i *Incident) same() same {
	switch {
	case i.Addr.IsValid():
		return same{i.Rule, netip.PrefixFrom(i.Addr, i.Addr.BitLen()), i.Device}
	case i.Client.IsValid():
		return same{i.Rule, i.Client, i.Device}
	}
	return same{i.Rule, i.Target, i.Device}
}

// Differences compares what two sides found in the same source: incidents of the same
// rule and party that overlap in time are the same one. It returns what differs, by time,
// and how many are the same on both sides.
func Differences(before, after *Incidents) (out []Difference, equal int) {
	then := map[same][]*Incident{}
	for _, i := range before.list {
		then[i.same()] = append(then[i.same()], i)
	}
	for _, i := range after.list {
		k := i.same()
		at := slices.IndexFunc(then[k], func(b *Incident) bool { return !b.First.After(i.Last) && !i.First.After(b.Last) })
		if at < 0 {
			out = append(out, Difference{After: i})
			continue
		}
		b := then[k][at]
		then[k] = slices.Delete(then[k], at, at+1)
		if fields := b.differs(i); len(fields) > 0 {
			out = append(out, Difference{b, i, fields})
		} else {
			equal++
		}
	}
	for _, i := range before.list {
		if slices.Contains(then[i.same()], i) {
			out = append(out, Difference{Before: i})
		}
	}
	slices.SortStableFunc(out, order)
	return out, equal
}

// order is by time, then by what else tells two incidents apart, so that it is the same
// on every run.
func order(a, b Difference) int {
	x, y := a.Incident(), b.Incident()
	return cmp.Or(x.First.Compare(y.First), cmp.Compare(x.Rule, y.Rule), x.Addr.Compare(y.Addr), cmp.Compare(x.Incident, y.Incident))
}

// Incident is the one that is there, the later one of two.
func (d *Difference) Incident() *Incident {
	if d.After != nil {
		return d.After
	}
	return d.Before
}

// differs names what two tellings of one attack do not share.
func (i *Incident) differs(o *Incident) (fields []string) {
	for _, f := range [...]struct {
		name   string
		differ bool
	}{
		{"severity", i.Severity != o.Severity}, {"mode", i.Mode != o.Mode}, {"action", i.Want != o.Want}, {"for", i.For != o.For},
		{"score", i.Score != o.Score}, {"threshold", i.Threshold != o.Threshold},
		{"detected", !i.Detected.Equal(o.Detected)}, {"observed", i.Observed != o.Observed},
	} {
		if f.differ {
			fields = append(fields, f.name)
		}
	}
	return fields
}
