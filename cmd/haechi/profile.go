package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"haechi"
	"haechi/internal/app"
	"haechi/internal/config"
)

func profileCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "profile", Short: "List, show, check and test device profiles", Args: o.noArgs,
		Long: `A profile says how a kind of device talks. These commands need no gateway and send
nothing. NAME is a shipped profile, FILE the path of one; docs/profiles.md explains them.`,
		Example: "  haechi profile list\n  haechi profile show messengerbot > mine.yaml\n  haechi profile check mine.yaml\n" +
			"  haechi profile test mine.yaml --frames recorded.jsonl --keys keys.json",
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(profileList(o), profileShow(o), profileCheck(o), profileTest(o))
	return cmd
}

// profileLine is one line of `haechi profile list`.
type profileLine struct {
	Name  string `json:"name"`
	About string `json:"about"`
}

func profileList(o *options) *cobra.Command {
	return &cobra.Command{Use: "list", Short: "List the shipped profiles", Args: o.noArgs, Example: "  haechi profile list\n  haechi profile list --json",
		RunE: func(*cobra.Command, []string) error {
			var out []profileLine
			var rows [][]string
			for _, name := range app.ProfileNames() {
				p, err := app.LoadProfile(name)
				if err != nil {
					return err
				}
				out = append(out, profileLine{name, p.About})
				rows = append(rows, []string{name, p.About})
			}
			return o.print.show(out, func() { o.print.table([]string{"profile", "speaks"}, rows) })
		}}
}

func profileShow(o *options) *cobra.Command {
	var effective bool
	cmd := &cobra.Command{Use: "show NAME", Short: "Print a profile's YAML", Args: o.exactly(1),
		Long:    "Prints the file of a profile, to begin your own with; with --effective every key, the defaults\nwritten out. With --json it is the form in which the gate takes it.",
		Example: "  haechi profile show messengerbot > mine.yaml\n  haechi profile show mine.yaml --effective", ValidArgsFunction: offerProfiles,
		RunE: func(_ *cobra.Command, args []string) error {
			p, err := app.LoadProfile(args[0])
			if err != nil {
				return err
			}
			if o.print.json {
				return o.print.encode(p.Profile, "  ")
			}
			text := p.YAML()
			if !effective {
				if text, err = app.ProfileSource(args[0]); err != nil {
					return err
				}
			}
			_, err = o.print.out.Write(inert(text))
			return err
		}}
	cmd.Flags().BoolVar(&effective, "effective", false, "write out the defaults")
	return cmd
}

func profileCheck(o *options) *cobra.Command {
	return &cobra.Command{Use: "check FILE", Short: "Find every mistake in a profile at once", Args: o.exactly(1),
		Example: "  haechi profile check mine.yaml\n  haechi profile check mine.yaml --json", ValidArgsFunction: offerProfiles,
		RunE: func(_ *cobra.Command, args []string) error {
			p, err := app.LoadProfile(args[0])
			if wrong := (*config.Errors)(nil); errors.As(err, &wrong) && o.print.json {
				return errors.Join(o.print.encode(mistakes(wrong), "  "), reported{err})
			}
			if err != nil {
				return err
			}
			return o.print.show(checked{Config: args[0], Good: true, Problems: []mistake{}}, func() {
				o.print.say("cli.profile_good", args[0], p.Name)
			})
		}}
}

func profileTest(o *options) *cobra.Command {
	var frames, keys string
	var opt app.RecordingOptions
	cmd := &cobra.Command{Use: "test FILE", Short: "Judge recorded frames by a profile, one by one, and say why one is refused", Args: o.exactly(1),
		Long: `Checks a profile and, with --frames, judges recorded frames by it: form, handshake,
identity, signature, clock and replay, each at its recorded time. A recording has one JSON
object a line:

  {"dir":"up","time":"2025-07-25T03:06:29.123Z","text":"{\"event\":…}","want":"accepted"}

dir is up or down; text, hex or base64 is what was sent; connection, addr and want are
optional. The keys are in a file, {"keys":[{"id":"k1","secret_key":"…","salt":"…"}]}, or
of the shape of the profile's own. Exit code 1 if a frame was not judged as it should be.`,
		Example: "  haechi profile test mine.yaml\n  haechi profile test mine.yaml --frames recorded.jsonl --keys keys.json", ValidArgsFunction: offerProfiles,
	}
	binding := o.choose(cmd, "binding", "off", "as the service's device.binding", "off", "accept", "require")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		p, err := app.LoadProfile(args[0])
		if err != nil {
			return err
		}
		if frames == "" {
			return o.print.show(checked{Config: args[0], Good: true, Problems: []mistake{}}, func() { o.print.say("cli.profile_good", args[0], p.Name) })
		}
		if keys == "" {
			return o.print.misuse("usage.profile_keys", cmd.CommandPath())
		}
		opt.Keys, opt.Binding = keys, map[string]haechi.Binding{"accept": haechi.BindAccept, "require": haechi.BindRequire}[binding.value]
		return o.print.recording(frames, &p.Profile, opt)
	}
	cmd.Flags().StringVar(&frames, "frames", "", "recorded frames, one JSON object a line")
	cmd.Flags().StringVar(&keys, "keys", "", "file with the keys of the recorded devices")
	cmd.Flags().StringSliceVar(&opt.Exempt, "exempt", nil, "as the service's device.exempt")
	return cmd
}

// recording judges a file of frames and prints a line for each.
func (p *printer) recording(path string, profile *haechi.Profile, opt app.RecordingOptions) error {
	f, err := os.Open(path)
	if err != nil {
		return &haechi.Error{Kind: haechi.NotFound, Op: "read the recording", Err: err, Hint: "name a file with --frames"}
	}
	defer f.Close()
	judged, err := app.JudgeRecording(profile, f, opt)
	if err != nil {
		return err
	}
	refused, wrong := 0, 0
	var rows [][]string
	for i := range judged {
		j := &judged[i]
		if j.Refused() {
			refused++
		}
		note := ""
		if !j.AsWanted {
			wrong++
			note = p.t("cli.not_wanted")
		}
		rows = append(rows, []string{count(j.Line), j.Device, j.Event, p.judgement(j), note})
	}
	if err := p.show(judged, func() {
		p.table([]string{"line", "device", "frame", "result", "note"}, rows)
		p.say("cli.recording", len(judged), len(judged)-refused, refused)
	}); err != nil {
		return err
	}
	if len(judged) == 0 {
		return &haechi.Error{Kind: haechi.Invalid, Op: "judge the recording", Msg: "no frame ends in it", Hint: "a frame of lines needs its line end, one with a length all its bytes"}
	}
	if wrong > 0 {
		return reported{fmt.Errorf("%d of %d frames were not judged as they should be", wrong, len(judged))}
	}
	return nil
}

// judgement is what became of a frame, in the operator's language.
func (p *printer) judgement(j *app.Judged) string {
	if !j.Refused() {
		return p.t("cli.judged_" + j.Result)
	}
	why := p.texts.Or(p.lang, "reason."+j.Result, j.Result)
	if j.Observed != 0 || j.Threshold != 0 {
		why += ": " + p.t("cli.of", number(j.Observed), number(j.Threshold))
	}
	return p.t("cli.judged_refused", j.Result, why)
}

func offerProfiles(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return app.ProfileNames(), cobra.ShellCompDirectiveDefault
}
