package pipeline

import "haechi"

// Stats are the pipeline's counters. Those of events count observations, see
// [haechi.Event.N].
func (p *Pipeline) Stats() []haechi.Counter {
	var q queueCounts
	var merged, flushes uint64
	for _, s := range p.shards {
		c := s.queue.stats()
		q.taken += c.taken
		q.coalesced += c.coalesced
		q.overflow += c.overflow
		q.late += c.late
		q.peak = max(q.peak, c.peak)
		if s.record != nil {
			merged += s.record.merged.v.Load()
			flushes += s.record.flushes.v.Load()
		}
	}
	cross := p.cross.queue.stats()
	return []haechi.Counter{
		{Name: "pipeline_events", Value: q.taken},
		{Name: "pipeline_coalesced", Value: q.coalesced},
		{Name: "pipeline_overflow", Value: q.overflow},
		{Name: "pipeline_rollup_overflow", Value: cross.coalesced + cross.overflow},
		{Name: "pipeline_after_end", Value: q.late},
		{Name: "pipeline_queue_peak", Value: q.peak},
		{Name: "pipeline_refusals_merged", Value: merged},
		{Name: "pipeline_references_flushed", Value: flushes},
		{Name: "pipeline_findings", Value: p.judge.findings.v.Load()},
		{Name: "pipeline_findings_waiting", Value: uint64(len(p.judge.queue))},
		{Name: "pipeline_decisions", Value: p.judge.decisions.v.Load()},
		{Name: "pipeline_enforce_failures", Value: p.judge.failed.v.Load()},
		{Name: "pipeline_panics", Value: p.guard.panics.v.Load()},
	}
}
