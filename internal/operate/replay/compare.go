package replay

import (
	"context"
	"time"

	"haechi"
)

// Compare reads the source once and runs two sets of detectors over the same events, each
// by itself; found is told by which of them, present or changed. The error is the source's.
func Compare(ctx context.Context, s Source, present, changed []Detector, found func(changed bool, f *Found)) error {
	one := NewRunner(present, func(f *haechi.Finding) { found(false, &Found{*f, s.Units()}) })
	two := NewRunner(changed, func(f *haechi.Finding) { found(true, &Found{*f, s.Units()}) })
	if p, ok := s.(Passing); ok {
		p.Passes(func(now time.Time) {
			one.Pass(now)
			two.Pass(now)
		})
	}
	err := s.Read(ctx, func(e *haechi.Event) {
		one.Event(e)
		two.Event(e)
	})
	one.End()
	two.End()
	return err
}
