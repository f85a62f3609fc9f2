package clientcert

import (
	"time"

	"haechi"
)

// Flaw is something that somebody should see to.
type Flaw struct {
	Reason haechi.Reason
	Text   string
}

// endingShare is the last part of a list's time in which the next one is late: 1/4.
const endingShare = 4

// Until is when the first of the lists is over; zero without lists.
func (c *Clients) Until() time.Time {
	if l := c.current.Load().first(); l != nil {
		return l.until
	}
	return time.Time{}
}

// first is the list that is over first; nil without lists.
func (t *trust) first() (out *list) {
	for _, l := range t.lists {
		if out == nil || l.until.Before(out.until) {
			out = l
		}
	}
	return out
}

// Flaws are what is wrong with the files now.
func (c *Clients) Flaws(now time.Time) (out []Flaw) {
	if told := c.told.Load(); told != nil {
		out = append(out, Flaw{haechi.ReasonCRLRefused, *told + "; what was read before goes on to count"})
	}
	l := c.current.Load().first()
	switch {
	case l == nil:
	case l.over(now):
		out = append(out, Flaw{haechi.ReasonCRLStale, "a list in " + c.cfg.CRL + " was over on " + stamp(l.until) + "; nobody new comes in with a certificate of its authority until a newer one is there"})
	case l.until.Sub(now) < l.until.Sub(l.from)/endingShare:
		out = append(out, Flaw{haechi.ReasonCRLEnding, "a list in " + c.cfg.CRL + " is over on " + stamp(l.until) + "; from then on nobody new comes in with a certificate of its authority"})
	}
	return out
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }
