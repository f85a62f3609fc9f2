package sqlrows

import "haechi"

// An ordinary event is one that nobody asks about by its reference, its failure or its
// severity, and that no view reads: a request that was answered, the end of a
// connection, a flow. Of a busy gateway nearly all are, and a row for each would cost as
// much as a fifth of the request itself: they lie in blocks of up to a thousand.

// ordinary reports whether an event is one.
func ordinary(e *haechi.Event) bool {
	return ordinaryKind(e.Kind) && e.Outcome != haechi.Failure && e.Severity == haechi.Info && e.Verdict == haechi.Pass &&
		e.Ref == "" && e.Rule == "" && e.Hits == "" && e.Observed == 0 && e.Threshold == 0 && e.Window == 0 && !e.Shadow
}

func ordinaryKind(k haechi.Kind) bool {
	switch k {
	case haechi.KindRequest, haechi.KindClose, haechi.KindHandshake, haechi.KindFlow, haechi.KindHello, haechi.KindLookup,
		haechi.KindCall, haechi.KindTurn, haechi.KindCounted:
		return true
	}
	return false
}

// mayBeOrdinary reports whether ordinary events can pass the filter.
func mayBeOrdinary(f *haechi.EventFilter) bool {
	if f.Failures || f.Hits || f.AtLeast > haechi.Info || f.Ref != "" {
		return false
	}
	for _, k := range f.Kinds {
		if ordinaryKind(k) {
			return true
		}
	}
	return len(f.Kinds) == 0
}

// The columns of a block. Their numbers are in the records: a column that is no longer
// written keeps its own, and a new one takes a free one.
const (
	blockTime      = 0 // Unix nanoseconds
	blockOutcome   = 1
	blockFlags     = 2
	blockCount     = 3 // 0 stands for 1
	blockDistinct  = 4
	blockPort      = 5
	blockLocalPort = 6
	blockSession   = 7
	blockDuration  = 8 // nanoseconds
	blockBytesIn   = 9
	blockBytesOut  = 10
	blockStatus    = 11
	blockASN       = 12

	blockKind        = 20 // by name
	blockService     = 21
	blockReason      = 22
	blockAddr        = 23 // as netip writes it in binary
	blockClient      = 24 // as netip writes a prefix; none: the address itself
	blockDevice      = 25
	blockCertificate = 26
	blockUser        = 27
	blockFingerprint = 28
	blockCountry     = 29
	blockRoom        = 30
	blockFrame       = 31
	blockMethod      = 32
	blockHost        = 33
	blockPath        = 34
	blockClass       = 35
	blockAgent       = 36
	blockText        = 37
)
