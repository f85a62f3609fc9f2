package pipeline_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"haechi"
	"haechi/internal/pipeline"
)

// BenchmarkPipeline measures one event from Emit to the recorder, without rules.
// Its unit is one observation; a full queue coalesces, so the share that kept its
// details is reported too.
func BenchmarkPipeline(b *testing.B) {
	p := pipeline.New(pipeline.Config{Shards: 1}, pipeline.Deps{Recorder: discard{}})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	e := haechi.Event{Time: time.Now(), Kind: haechi.KindMessage, Outcome: haechi.Success, Service: "bots"}
	actors := make([]haechi.Actor, 1024)
	for i := range actors {
		actors[i] = from(i)
	}
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		e.Actor = actors[i&1023]
		p.Emit(&e)
		if i&1023 == 0 {
			runtime.Gosched() // as a gate does between reads
		}
	}
	cancel()
	<-done
	for _, c := range p.Stats() {
		if c.Name == "pipeline_coalesced" || c.Name == "pipeline_overflow" {
			b.ReportMetric(float64(c.Value)/float64(b.N)*100, "%"+c.Name[len("pipeline_"):])
		}
	}
}
