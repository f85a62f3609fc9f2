package console

import (
	"encoding/json"
	"net/http"

	"haechi"
)

// authAlert is the number of failed authentications in an hour above which the
// card turns to the alert style (row A36).
const authAlert = 10

type overviewPage struct {
	haechi.Overview
	Alert           bool
	Chart           string // JSON for the chart: seconds, passed, refused
	Passed, Refused uint64 // sums of the hour, for those who cannot see the chart
	Incidents       []haechi.Incident
}

func (c *Console) overviewData(r *http.Request) (overviewPage, error) {
	o, err := c.deps.Watcher.Overview(r.Context())
	if err != nil {
		return overviewPage{}, err
	}
	p := overviewPage{Overview: o, Alert: o.AuthFailures > authAlert}
	p.Incidents, err = c.deps.Watcher.Incidents(r.Context(), 5)
	if err != nil {
		return p, err
	}
	var series [3][]int64
	for _, m := range o.Minutes {
		series[0] = append(series[0], m.Minute.Unix())
		series[1] = append(series[1], int64(m.Passed))
		series[2] = append(series[2], int64(m.Refused))
		p.Passed += m.Passed
		p.Refused += m.Refused
	}
	b, err := json.Marshal(series)
	p.Chart = string(b)
	return p, err
}

func (c *Console) overview(w http.ResponseWriter, r *http.Request) {
	c.showOverview(w, r, "layout.html")
}

// overviewPart is what the page fetches anew every few seconds.
func (c *Console) overviewPart(w http.ResponseWriter, r *http.Request) {
	c.showOverview(w, r, "part")
}

func (c *Console) showOverview(w http.ResponseWriter, r *http.Request, block string) {
	p, err := c.overviewData(r)
	if err != nil {
		c.problem(w, r, err)
		return
	}
	c.write(w, r, http.StatusOK, "overview", block, p)
}
