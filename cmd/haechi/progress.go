package main

import (
	"os"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"
)

// bar shows on a terminal how far a long reading has come.
type bar struct {
	writer  progress.Writer // nil: nobody is looking
	tracker *progress.Tracker
}

// progress begins a bar for the reading of a file; off a terminal it shows nothing.
func (p *printer) progress(path string) *bar {
	st, err := os.Stat(path)
	if !p.terminal || p.json || err != nil || !st.Mode().IsRegular() {
		return &bar{}
	}
	b := &bar{writer: progress.NewWriter(), tracker: &progress.Tracker{Message: cell(path), Total: st.Size(), Units: progress.UnitsBytes, RemoveOnCompletion: true}}
	b.writer.SetOutputWriter(p.err)
	b.writer.SetUpdateFrequency(200 * time.Millisecond)
	b.writer.AppendTracker(b.tracker)
	go b.writer.Render()
	return b
}

// read says that n more bytes have been read.
func (b *bar) read(n int64) {
	if b.tracker != nil {
		b.tracker.Increment(n)
	}
}

func (b *bar) done() {
	if b.tracker == nil {
		return
	}
	b.tracker.MarkAsDone()
	b.writer.Stop()
}
