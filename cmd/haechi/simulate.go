package main

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"haechi"
	"haechi/internal/operate/simulate"
)

// simulateFlags are the flags of `haechi simulate`.
type simulateFlags struct {
	list  bool
	out   string
	at    moment
	seed  uint64
	visit visitFlags
	wire  wireFlags
}

func simulateCommand(o *options) *cobra.Command {
	f := simulateFlags{at: moment{p: o.print}}
	cmd := &cobra.Command{Use: "simulate [NAME]", Short: "Play an attack or honest traffic, to see what is found in it", Args: o.atMost(1),
		Long: `Plays a scenario into a pcap file: the source documents' two simulations, one for each
network detector, and honest traffic that must give nothing. The same scenario, start and
seed give the same file, byte for byte. Nothing is sent: haechi replay reads the file. All
addresses are private or made for documentation. With --live, ` + liveScenario + ` is played against a
service of a gateway that runs, on loopback only: 2,100 requests in about ten seconds. With
--wire any scenario is put on a link of its own, ` + simLink + `, that leads nowhere, at its own
speed, for a gateway with sensor: { interfaces: [` + simLink + `] }; it needs root.`,
		Example: "  haechi simulate --list\n  haechi simulate document-network --out a.pcap\n" +
			"  haechi simulate port-scan --out b.pcap --start 2026-03-04T05:00:00Z --seed 7\n" +
			"  haechi simulate document-flood --live http://127.0.0.1:8080/\n  haechi simulate port-scan --wire",
		ValidArgsFunction: offerScenarios,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.list {
				return o.listScenarios()
			}
			return o.simulate(cmd, args, &f)
		}}
	cmd.Flags().BoolVar(&f.list, "list", false, "list the scenarios and what each must give")
	cmd.Flags().StringVar(&f.out, "out", "", "file to write; it must not exist")
	cmd.Flags().Var(&f.at, "start", "time of the first packet (default 2026-01-05T09:00:00Z)")
	cmd.Flags().Uint64Var(&f.seed, "seed", 0, "of ports, pauses and payload")
	f.visit.add(cmd)
	f.wire.add(cmd)
	return cmd
}

func offerScenarios(_ *cobra.Command, args []string, _ string) (names []string, d cobra.ShellCompDirective) {
	for _, s := range simulate.Scenarios() {
		if len(args) == 0 {
			names = append(names, s.Name)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// scenarioLine is one scenario of `haechi simulate --list`.
type scenarioLine struct {
	Name  string          `json:"name"`
	Gives []scenarioGives `json:"gives"`
}

// scenarioGives is one incident that a scenario must give.
type scenarioGives struct {
	Detector string `json:"detector"`
	Source   string `json:"source,omitempty"`
	Target   string `json:"target,omitempty"`
}

func lineOfScenario(s *simulate.Scenario) scenarioLine {
	out := scenarioLine{Name: s.Name, Gives: []scenarioGives{}}
	for _, i := range s.Gives {
		out.Gives = append(out.Gives, scenarioGives{i.Detector, addrText(i.Source), addrText(i.Target)})
	}
	return out
}

func addrText(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func (o *options) listScenarios() error {
	var lines []scenarioLine
	var rows [][]string
	for _, s := range simulate.Scenarios() {
		lines = append(lines, lineOfScenario(&s))
		rows = append(rows, []string{s.Name, o.gives(&s), o.print.t("scenario." + s.Name)})
	}
	return o.print.show(lines, func() { o.print.table([]string{"scenario", "gives", "what"}, rows) })
}

// gives names the detectors that must find something.
func (o *options) gives(s *simulate.Scenario) string {
	var names []string
	for _, i := range s.Gives {
		names = append(names, i.Detector)
	}
	if len(names) == 0 {
		return o.print.t("simulate.nothing")
	}
	return strings.Join(names, ", ")
}

// simulate writes one scenario.
func (o *options) simulate(cmd *cobra.Command, args []string, f *simulateFlags) error {
	if err := o.exactly(1)(cmd, args); err != nil {
		return err
	}
	s, ok := simulate.Find(args[0])
	if !ok {
		e := o.print.misuse("usage.scenario", cmd.CommandPath(), quoted(args[0]))
		e.hint = o.print.t("simulate.listed", cmd.CommandPath()+" --list")
		return e
	}
	if f.visit.url != "" {
		return o.live(cmd.Context(), cmd.CommandPath(), s.Name, f)
	}
	if f.wire.wire {
		return o.playOnWire(cmd.Context(), &s, f)
	}
	if f.out == "" {
		e := o.print.misuse("usage.out", cmd.CommandPath())
		e.hint = cmd.CommandPath() + " " + s.Name + " --out " + s.Name + ".pcap"
		return e
	}
	w, err := writeScenario(&s, f.out, simulate.Config{Start: f.at.t, Seed: f.seed})
	if err != nil {
		return err
	}
	return o.print.show(writtenScenario{lineOfScenario(&s), f.out, w.Packets, w.Bytes, w.First, w.Last}, func() { o.tellScenario(&s, f.out, w) })
}

// writtenScenario is what `haechi simulate --json` says of a file.
type writtenScenario struct {
	scenarioLine
	File    string    `json:"file"`
	Packets int       `json:"packets"`
	Bytes   int64     `json:"bytes"`
	First   time.Time `json:"first"`
	Last    time.Time `json:"last"`
}

func (o *options) tellScenario(s *simulate.Scenario, file string, w simulate.Written) {
	o.print.say("simulate.written", file, w.Packets, o.print.length(w.Last.Sub(w.First)))
	o.tellGives(s)
	o.print.say("simulate.try", selfName()+" replay "+shell(file))
}

func (o *options) tellGives(s *simulate.Scenario) {
	if len(s.Gives) == 0 {
		o.print.say("simulate.gives_nothing")
		return
	}
	o.print.say("simulate.gives", o.gives(s))
}

// writeScenario makes the file; one that could not be written whole is not left behind.
func writeScenario(s *simulate.Scenario, path string, cfg simulate.Config) (w simulate.Written, err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if errors.Is(err, fs.ErrExist) {
		return w, &haechi.Error{Kind: haechi.Conflict, Op: "simulate " + s.Name, Msg: path + " exists", Hint: "name another file, or remove it"}
	}
	if err != nil {
		return w, &haechi.Error{Kind: haechi.Unavailable, Op: "simulate " + s.Name, Err: err, Hint: "name a file in a folder that may be written to"}
	}
	w, err = s.Write(f, cfg)
	if err = errors.Join(err, f.Close()); err != nil {
		err = errors.Join(&haechi.Error{Kind: haechi.Unavailable, Op: "simulate " + s.Name, Err: err, Hint: "is the disk full?"}, os.Remove(path))
	}
	return w, err
}

// moment is a flag for a point in time.
type moment struct {
	p *printer
	t time.Time
}

// String, Set and Type implement the flag library's Value.
func (m *moment) String() string {
	if m.t.IsZero() {
		return ""
	}
	return m.t.Format(time.RFC3339)
}

// Set reads RFC 3339.
func (m *moment) Set(s string) (err error) {
	if m.t, err = time.Parse(time.RFC3339, s); err != nil || m.t.Year() < 1970 || m.t.Year() > 2105 {
		return errors.New(m.p.t("usage.moment"))
	}
	return nil
}

// Type names the value in the help.
func (m *moment) Type() string { return "time" }
