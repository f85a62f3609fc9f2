package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"haechi"
	"haechi/internal/app"
	"haechi/internal/operate/replay"
)

// replayDiff says what would change with the rules of a folder.
func (o *options) replayDiff(ctx context.Context, rules string, files []string) error {
	cfg, err := o.replayConfig()
	if err != nil {
		return err
	}
	now, err := app.NewReplay(cfg)
	if err != nil {
		return err
	}
	then, err := now.Against(rules)
	if err != nil {
		return err
	}
	app.HugeHeap()
	d := &diffing{p: o.print, now: now, then: then}
	failed := d.files(ctx, files)
	if err := d.print(); err != nil {
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// diffing is one comparison.
type diffing struct {
	p         *printer
	now, then *app.Replay
	all       []fileDifference
	equal     int
}

type fileDifference struct {
	file string
	replay.Difference
}

func (d *diffing) files(ctx context.Context, files []string) (failed []error) {
	for _, path := range files {
		var before, after replay.Incidents
		bar := d.p.progress(path)
		err := d.now.Compare(ctx, d.then, path, func(changed bool, f *replay.Found) {
			if changed {
				after.Add(f)
			} else {
				before.Add(f)
			}
		}, bar.read)
		bar.done()
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", path, err))
		}
		differ, equal := replay.Differences(&before, &after)
		for _, x := range differ {
			d.all = append(d.all, fileDifference{path, x})
		}
		d.equal += equal
	}
	return failed
}

// changeOf names what happened to an incident.
func changeOf(x *replay.Difference) string {
	switch {
	case x.Before == nil:
		return "gained"
	case x.After == nil:
		return "lost"
	}
	return "changed"
}

func (d *diffing) print() error {
	if d.p.json {
		return d.lines()
	}
	counts, rows := map[string]int{}, make([][]string, 0, len(d.all))
	for i := range d.all {
		x := &d.all[i].Difference
		change, in, by := changeOf(x), x.Incident(), d.then
		if x.After == nil {
			by = d.now
		}
		counts[change]++
		rows = append(rows, []string{d.p.when(in.First), d.p.t("diff." + change), d.p.word("severity", in.Severity), in.Rule, sourceOf(&in.Finding),
			by.Sentence(&in.Finding, d.p.lang), d.differs(x)})
	}
	d.p.say("cli.compared", counts["gained"], counts["lost"], counts["changed"], d.equal)
	d.p.table([]string{"time", "change", "severity", "rule", "source", "finding", "differs"}, rows)
	return nil
}

// differs says what was, and what would be.
func (d *diffing) differs(x *replay.Difference) string {
	out := make([]string, 0, len(x.Fields))
	for _, f := range x.Fields {
		out = append(out, fmt.Sprintf("%s %s → %s", d.p.t("differs."+f), d.value(f, x.Before), d.value(f, x.After)))
	}
	return strings.Join(out, ", ")
}

func (d *diffing) value(field string, i *replay.Incident) string {
	switch field {
	case "severity":
		return d.p.word("severity", i.Severity)
	case "mode":
		return d.p.word("mode", i.Mode)
	case "action":
		return d.p.word("action", i.Want)
	case "for":
		return d.p.length(i.For)
	case "score":
		return number(i.Score)
	case "threshold":
		return number(i.Threshold)
	case "detected":
		return i.Detected.In(d.p.zone).Format("15:04:05.000")
	}
	return number(i.Observed)
}

// diffLine is one difference as other programs read it: the incident as it was told last
// on each side, if it was told there.
type diffLine struct {
	Change string    `json:"change"`
	File   string    `json:"file"`
	Fields []string  `json:"differs,omitempty"`
	Before *diffSide `json:"before,omitempty"`
	After  *diffSide `json:"after,omitempty"`
}

type diffSide struct {
	findingLine
	Mode   haechi.Mode   `json:"mode"`
	Action haechi.Action `json:"action"`
	For    float64       `json:"for,omitempty"` // seconds
	Score  float64       `json:"score"`
}

func (d *diffing) lines() error {
	out := bufio.NewWriter(d.p.out)
	for i := range d.all {
		x := &d.all[i]
		b, err := json.Marshal(diffLine{Change: changeOf(&x.Difference), File: x.file, Fields: x.Fields, Before: side(x.file, x.Before), After: side(x.file, x.After)})
		if err != nil {
			return err
		}
		_, _ = out.Write(append(b, '\n')) // the writer keeps the error for Flush
	}
	return out.Flush()
}

func side(file string, i *replay.Incident) *diffSide {
	if i == nil {
		return nil
	}
	s := &diffSide{findingLine: lineOf(file, &replay.Found{Finding: i.Finding, Units: i.Units}), Mode: i.Mode, Action: i.Want, For: i.For.Seconds(), Score: i.Score}
	s.Detected = i.Detected
	return s
}
