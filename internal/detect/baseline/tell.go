package baseline

import (
	"slices"
	"time"

	"haechi"
	"haechi/internal/detect"
)

// tell appends a finding about an hour.
func (d *Detector) tell(k who, s *subject, j judgement, unusual, strange bool, out []haechi.Finding) []haechi.Finding {
	begin := time.Unix(d.now*3600, 0).UTC()
	f := d.rule.Finding(begin.Add(time.Hour), s.last.actor(k.device()))
	f.About, f.Service = k.scope(), k.service()
	f.Severity = min(d.rule.Severity, haechi.Low)
	if unusual && strange {
		f.Severity = min(d.rule.Severity, haechi.Medium)
	}
	f.First, f.Last, f.Window = begin, f.Time, time.Hour
	f.Observed, f.Threshold = j.farthest, float64(max(d.own.line, float32(d.cfg.Deviations)))
	telling := j.z
	if !unusual {
		f.Observed, f.Threshold = float64(j.score), float64(max(d.others.line, float32(d.cfg.Score)))
		telling = j.shares
	}
	f.Reasons = facts(s.hour.amounts(), telling)
	f.Spoofable = s.last.assurance < haechi.Handshaken
	if s.attack == nil {
		s.attack = new(detect.Attack)
	}
	return s.attack.Tell(f, "habit "+k.service(), float64(s.told+1), out)
}

// facts are the four, the most telling first.
func facts(amounts, telling [four]float64) (out [4]haechi.Fact) {
	order := []int{rate, bytes, peers, failed}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case telling[a] > telling[b]:
			return -1
		case telling[a] < telling[b]:
			return 1
		}
		return 0
	})
	names := [four]haechi.Fact{{Name: "events"}, {Name: "bytes", Unit: "bytes"}, {Name: "peers"}, {Name: "failed"}}
	for i, of := range order {
		out[i] = names[of]
		out[i].Value = amounts[of]
	}
	return out
}

// over ends an attack after an hour as usual.
func (d *Detector) over(s *subject, out []haechi.Finding) []haechi.Finding {
	if s.attack == nil {
		return out
	}
	out = s.attack.End(time.Unix((d.now+1)*3600, 0).UTC(), out)
	s.attack = nil
	return out
}
