package scenario_test

import (
	"slices"
	"testing"
	"time"

	"haechi"
	"haechi/internal/operate/demo"
)

// TestWatchJobs is the documents' monitoring script (rows A67 to A70), by what the
// gateway does: an incident for more than 50 failed signatures of all clients in five
// minutes, the ten that fail most, and a block of a day for whom more than 100 fail.
func TestWatchJobs(t *testing.T) {
	t.Parallel()
	// The jail of row A46 comes first; here it is off, so that the script's number is reached.
	r := run(t, settings{bots: "device: { hold: 1s }\n", top: "rules: { auth/brute-force: { mode: \"off\" } }\n"})
	id := r.enrol("감시봇", "00000000000000c0", demo.V333)
	id.Secret = haechi.Secret("not the key of it")
	fails := func(i, times int) {
		p := r.phone(id, i)
		for range times {
			s, err := p.Connect(t.Context())
			must(t, err)
			must(t, s.Handshake())
			_, err = s.Until("error")
			must(t, err)
			s.Close()
		}
	}
	wave := func() bool {
		all, err := r.api.Incidents(t.Context(), 100)
		must(t, err)
		return slices.ContainsFunc(all, func(in haechi.Incident) bool { return in.Rule == "auth/wave-of-failures" })
	}

	for i := 10; i < 60; i++ {
		fails(i, 1)
	}
	eventually(t, "fifty failures to be recorded", 10*time.Second, func() bool { return len(r.failures(t)) == 10 })
	if wave() {
		t.Error("fifty failures are an incident already")
	}
	fails(60, 3)
	eventually(t, "the incident of the wave", 10*time.Second, wave)
	eventually(t, "the one that fails most", 10*time.Second, func() bool { return r.failures(t)[0] == r.addr(60).String()+" 3" })

	fails(61, 100)
	eventually(t, "a hundred failures", 10*time.Second, func() bool { return r.failures(t)[0] == r.addr(61).String()+" 100" })
	blocked := func() (out []haechi.Decision) {
		all, err := r.api.Decisions(t.Context(), haechi.DecisionFilter{OpenAt: time.Now(), Limit: 100})
		must(t, err)
		return slices.DeleteFunc(all, func(d haechi.Decision) bool { return d.Action < haechi.Deny })
	}
	if got := blocked(); len(got) != 0 {
		t.Errorf("a hundred failures are blocked: %+v", got)
	}
	fails(61, 1)
	eventually(t, "the block", 10*time.Second, func() bool { return len(blocked()) == 1 })
	if d := blocked()[0]; d.Scope.Prefix.Addr() != r.addr(61) || d.Rule != "auth/flood-of-failures" || d.Until.Sub(d.From) < 24*time.Hour || d.Until.Sub(d.From) > 25*time.Hour {
		t.Errorf("%+v", d)
	}
}

// failures is the report of who fails most: client and failures of the last five minutes.
func (r *rig) failures(t *testing.T) (out []string) {
	t.Helper()
	table, err := r.api.Report(t.Context(), "failures")
	must(t, err)
	for _, row := range table.Rows {
		out = append(out, row[0]+" "+row[1])
	}
	return append(out, make([]string, 1)...)[:max(len(out), 1)]
}
