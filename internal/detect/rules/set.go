package rules

import (
	"hash/maphash"
	"slices"

	"haechi"
)

// Info describes the rules, ordered by id.
func (s *Set) Info() []haechi.RuleInfo {
	out := make([]haechi.RuleInfo, len(s.rules))
	for i, r := range s.rules {
		out[i] = r.info()
	}
	return out
}

// Title is the rule's title in a language ("en" or "ko"); empty for an unknown rule.
func (s *Set) Title(id, language string) string {
	i := slices.IndexFunc(s.rules, func(r *rule) bool { return r.id == id })
	switch {
	case i < 0:
		return ""
	case language == "ko":
		return s.rules[i].titleKO
	}
	return s.rules[i].title
}

// Stats count what the bounds of the rules' tables refused.
func (s *Set) Stats() []haechi.Counter {
	var refused, cut, failed uint64
	for _, r := range s.rules {
		refused += r.refused.Load()
		cut += r.cut.Load()
		failed += r.errors.Load()
	}
	return []haechi.Counter{
		{Name: "rules_groups_refused", Value: refused},
		{Name: "rules_memory_cut", Value: cut},
		{Name: "rules_errors", Value: failed},
	}
}

// Fresh is the same rules with counters from zero, so that a replay does not count
// as live findings.
func (s *Set) Fresh() *Set {
	out := &Set{keys: s.keys, rules: make([]*rule, len(s.rules))}
	for i, r := range s.rules {
		out.rules[i] = r.fresh()
	}
	return out
}

// Detector makes the detector of one of so many shards: all rules by client,
// device and actor that are not off. It belongs to one goroutine.
func (s *Set) Detector(shard, shards int) *Detector {
	return s.detector(max(1, shards), func(r *rule) bool { return r.named == nil && !r.group.cross() && r.mode != haechi.Off })
}

// Cross makes the detector of the rules across actors, to be fed with roll-ups.
func (s *Set) Cross() *Detector {
	return s.detector(1, func(r *rule) bool { return r.named == nil && r.group.cross() && r.mode != haechi.Off })
}

func (s *Set) detector(shards int, take func(*rule) bool) *Detector {
	d := &Detector{seed: maphash.MakeSeed()}
	for _, r := range s.rules {
		if take(r) {
			d.add(newState(r, max(minKeys, s.keys/shards)))
		}
	}
	return d
}
