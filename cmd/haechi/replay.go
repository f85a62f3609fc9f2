package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"haechi"
	"haechi/internal/app"
	"haechi/internal/config"
	"haechi/internal/operate/replay"
)

func replayCommand(o *options) *cobra.Command {
	since := span(time.Hour)
	hellos, rules := false, ""
	cmd := &cobra.Command{Use: "replay [FILE]…", Short: "Run captures, or what was recorded, through the present rules; changes nothing", Args: cobra.ArbitraryArgs,
		Long: `With FILES: reads pcap and pcapng files, and logs, in their own time, without a running gateway, and
lists the incidents that the network rules of the configuration find in them. The same file
gives the same findings, byte for byte; with --json there is one finding a line.
With --diff RULES: lists what would change if the rules in that folder stood in place of the
shipped ones with the same ids: incidents gained, lost, and told otherwise.
Without FILES: shows what the rules of the running gateway would have done with recorded events.
Nothing is enforced, recorded or sent.`,
		Example: "  haechi replay capture.pcap\n  haechi replay --json *.pcapng | jq .detector\n  haechi replay --json --hellos capture.pcap\n" +
			"  haechi replay --diff ./rules capture.pcap auth.log\n  haechi replay --since 24h",
		RunE: func(cmd *cobra.Command, files []string) error {
			switch {
			case rules != "" && (len(files) == 0 || hellos || cmd.Flags().Changed("since")):
				e := o.print.misuse("usage.diff_files")
				e.hint = "haechi replay --diff ./rules capture.pcap"
				return e
			case rules != "":
				return o.replayDiff(cmd.Context(), rules, files)
			case len(files) > 0:
				return o.replayFiles(cmd.Context(), files, hellos)
			}
			return o.replayRecorded(cmd.Context(), time.Duration(since))
		}}
	cmd.Flags().Var(&since, "since", "without files: how far back, for example 30m, 24h or 7d")
	cmd.Flags().BoolVar(&hellos, "hellos", false, "with files: list the TLS client hellos with their JA4 instead")
	cmd.Flags().StringVar(&rules, "diff", "", "with files: what would change with the rules in this `folder`")
	return cmd
}

func (o *options) replayRecorded(ctx context.Context, back time.Duration) error {
	c, err := o.client()
	if err != nil {
		return err
	}
	r, err := c.Replay(ctx, time.Now().Add(-back))
	if err != nil {
		return err
	}
	return o.print.show(r, func() { printReplay(o.print, &r) })
}

func (o *options) replayFiles(ctx context.Context, files []string, hellos bool) error {
	cfg, err := o.replayConfig()
	if err != nil {
		return err
	}
	r, err := app.NewReplay(cfg)
	if err != nil {
		return err
	}
	app.HugeHeap()
	run := &replaying{p: o.print, r: r, hellos: hellos, out: bufio.NewWriter(o.print.out)}
	return run.files(ctx, files)
}

// replayConfig is the configuration whose rules are used. Without one they are as
// shipped.
func (o *options) replayConfig() (*config.Config, error) {
	cfg, err := o.load()
	var e *haechi.Error
	if o.config == "" && errors.As(err, &e) && e.Kind == haechi.NotFound {
		return config.Defaults(), nil
	}
	if err != nil {
		return nil, err
	}
	app.Beside(cfg, o.path())
	return cfg, nil
}

// replaying is one run of the command.
type replaying struct {
	p      *printer
	r      *app.Replay
	hellos bool
	out    *bufio.Writer
	rows   []*incidentRow
	byID   map[haechi.Reference]*incidentRow
}

// incidentRow is one incident, as it was told last.
type incidentRow struct {
	haechi.Finding
	file string
}

func (r *replaying) files(ctx context.Context, files []string) error {
	var failed []error
	for _, path := range files {
		r.byID = map[haechi.Reference]*incidentRow{}
		bar := r.p.progress(path)
		err := r.r.File(ctx, path, r.tap(path), func(f *replay.Found) { r.found(path, f) }, bar.read)
		bar.done()
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", path, err))
		}
	}
	if err := r.out.Flush(); err != nil {
		failed = append(failed, err)
	}
	if !r.p.json && !r.hellos {
		r.table()
	}
	return errors.Join(failed...)
}

// table lists the incidents, each with the sentence that explains it.
func (r *replaying) table() {
	rows := make([][]string, 0, len(r.rows))
	for _, i := range r.rows {
		rows = append(rows, []string{r.p.when(i.First), r.p.word("severity", i.Severity), i.Rule, sourceOf(&i.Finding), r.r.Sentence(&i.Finding, r.p.lang)})
	}
	r.p.table([]string{"time", "severity", "rule", "source", "finding"}, rows)
}

func (r *replaying) found(path string, f *replay.Found) {
	if r.hellos {
		return
	}
	if r.p.json {
		r.line(lineOf(path, f))
		return
	}
	row := r.byID[f.Incident]
	if row == nil {
		row = &incidentRow{file: path}
		r.rows = append(r.rows, row)
		if f.Incident != "" {
			r.byID[f.Incident] = row
		}
	}
	row.Finding = f.Finding
}

// findingLine is the form of a finding that other programs read.
type findingLine struct {
	File     string           `json:"file"`
	Detector string           `json:"detector"`
	Rule     string           `json:"rule"`
	Severity haechi.Severity  `json:"severity"`
	Source   string           `json:"source"`
	Target   string           `json:"target"`
	First    time.Time        `json:"first"`
	Last     time.Time        `json:"last"`
	Incident haechi.Reference `json:"incident"`
	Detected time.Time        `json:"detected"`
	Packets  uint64           `json:"packets"`

	Technique string        `json:"technique,omitempty"`
	Observed  float64       `json:"observed"`
	Threshold float64       `json:"threshold"`
	Targets   uint64        `json:"targets,omitempty"`
	Spoofable bool          `json:"spoofable,omitempty"`
	Over      bool          `json:"over,omitempty"`
	Facts     []haechi.Fact `json:"facts,omitempty"`
}

func lineOf(path string, f *replay.Found) findingLine {
	l := findingLine{File: path, Detector: f.Detector, Rule: f.Rule, Severity: f.Severity, Source: sourceOf(&f.Finding), Target: prefixText(f.Target),
		First: f.First, Last: f.Last, Incident: f.Incident, Detected: f.Time, Packets: f.Units, Technique: f.Technique,
		Observed: f.Observed, Threshold: f.Threshold, Targets: f.Targets, Spoofable: f.Spoofable, Over: f.Over}
	for _, fact := range f.Reasons {
		if fact.Name != "" {
			l.Facts = append(l.Facts, fact)
		}
	}
	return l
}

// sourceOf is the address that a finding is about, empty where it names none: a flood
// that anybody may have sent has a target alone.
func sourceOf(f *haechi.Finding) string {
	if f.Addr.IsValid() {
		return f.Addr.String()
	}
	return prefixText(f.Client)
}

func prefixText(p netip.Prefix) string {
	switch {
	case !p.IsValid():
		return ""
	case p.IsSingleIP():
		return p.Addr().String()
	}
	return p.String()
}

func (r *replaying) line(v any) {
	b, err := json.Marshal(v)
	if err == nil {
		_, _ = r.out.Write(append(b, '\n')) // the writer keeps the error for Flush
	}
}

// helloLine is one TLS client hello.
type helloLine struct {
	File            string `json:"file"`
	Transport       string `json:"transport"`
	Source          string `json:"source"`
	SourcePort      uint16 `json:"source_port"`
	Destination     string `json:"destination"`
	DestinationPort uint16 `json:"destination_port"`
	Name            string `json:"server_name,omitempty"`
	JA4             string `json:"ja4"`
	CommunityID     string `json:"community_id"`
}

// tap lists the hellos.
func (r *replaying) tap(path string) func(*haechi.Event) {
	if !r.hellos {
		return nil
	}
	return func(e *haechi.Event) {
		if e.Kind != haechi.KindHello {
			return
		}
		l := helloLine{File: path, Transport: e.Transport.String(), Source: e.Addr.String(), SourcePort: e.Port,
			Destination: e.Target.String(), DestinationPort: e.LocalPort, Name: e.Name, JA4: e.Fingerprint, CommunityID: e.CommunityID()}
		if r.p.json {
			r.line(l)
			return
		}
		fmt.Fprintf(r.out, "%s\t%s:%d\t%s:%d\t%s\t%s\n", l.Transport, l.Source, l.SourcePort, l.Destination, l.DestinationPort, l.JA4, cell(l.Name))
	}
}
