package main

import (
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"haechi"
)

// eventFlags are the filter of `haechi events`.
type eventFlags struct {
	follow, failures bool
	since            span
	service, device  string
	source           string
	kinds            []string
	severity         *choice
	limit            *rows
}

func eventsCommand(o *options) *cobra.Command {
	f := eventFlags{since: span(time.Hour)}
	cmd := &cobra.Command{Use: "events", Short: "List what happened, newest first, or follow it live", Args: o.noArgs,
		Example: "  haechi events --failures --since 1h\n  haechi events --source 203.0.113.7 --kind auth,close\n  haechi events --follow\n  haechi events --follow --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			filter, err := f.filter(o.print, cmd, time.Now())
			if err != nil {
				return err
			}
			if f.follow {
				return followEvents(cmd, o, filter)
			}
			return listEvents(cmd, o, filter)
		}}
	fl := cmd.Flags()
	fl.BoolVarP(&f.follow, "follow", "f", false, "stream events as they happen")
	fl.BoolVar(&f.failures, "failures", false, "only failures and refusals")
	fl.Var(&f.since, "since", "how far back, for example 30m, 24h or 7d")
	fl.StringVar(&f.service, "service", "", "only this service")
	completeFlag(cmd, "service", o.offerFlag(serviceNames))
	fl.StringVar(&f.device, "device", "", "only this device (BOT/DEVICEID)")
	completeFlag(cmd, "device", o.offerFlag(deviceKeys))
	fl.StringVar(&f.source, "source", "", "only this address or network")
	kinds := names[haechi.Kind]()[1:] // all but none
	fl.StringSliceVar(&f.kinds, "kind", nil, "only these kinds: "+strings.Join(kinds, ", "))
	completeFlag(cmd, "kind", cobra.FixedCompletions(kinds, cobra.ShellCompDirectiveNoFileComp))
	f.severity = o.choose(cmd, "severity", "", "only this severe or more", names[haechi.Severity]()...)
	f.limit = o.limit(cmd, 100)
	return cmd
}

func (f *eventFlags) filter(p *printer, cmd *cobra.Command, now time.Time) (haechi.EventFilter, error) {
	out := haechi.EventFilter{Service: f.service, Device: f.device, Failures: f.failures, Limit: f.limit.n}
	if !f.follow {
		out.Since = now.Add(-time.Duration(f.since))
	}
	for _, name := range f.kinds {
		var k haechi.Kind
		if err := k.UnmarshalText([]byte(name)); err != nil || k == 0 {
			wrong := p.misuse("usage.value", cmd.CommandPath(), quoted(name), "--kind")
			wrong.hint = p.t("usage.one_of", strings.Join(names[haechi.Kind]()[1:], ", "))
			return out, wrong
		}
		out.Kinds = append(out.Kinds, k)
	}
	if f.severity.value != "" {
		if err := out.AtLeast.UnmarshalText([]byte(f.severity.value)); err != nil {
			return out, err
		}
	}
	if f.source == "" {
		return out, nil
	}
	var ok bool
	if out.Source, ok = parseSource(f.source); !ok {
		wrong := p.misuse("usage.value", cmd.CommandPath(), quoted(f.source), "--source")
		wrong.hint = "203.0.113.7, 2001:db8::/64, ip:203.0.113.7"
		return out, wrong
	}
	return out, nil
}

// parseSource reads an address, a network, or either as the scope that decisions
// show.
func parseSource(s string) (haechi.Scope, bool) {
	for _, kind := range []string{"", "ip:", "prefix:"} {
		if kind == "ip:" && strings.Contains(s, "/") {
			continue
		}
		if scope, err := haechi.ParseScope(kind + s); err == nil && scope.IsSource() {
			return scope, true
		}
	}
	return haechi.Scope{}, false
}

func listEvents(cmd *cobra.Command, o *options, f haechi.EventFilter) error {
	c, err := o.client()
	if err != nil {
		return err
	}
	es, err := c.Events(cmd.Context(), f)
	if err != nil {
		return err
	}
	return o.print.show(es, func() {
		for i := range es {
			o.print.line(o.print.event(&es[i]))
		}
		switch {
		case len(es) == 0 && o.print.terminal:
			o.print.say("cli.nothing")
		case len(es) == f.Limit && o.print.terminal:
			o.print.say("cli.more", len(es))
		}
	})
}

// followEvents streams until interrupted; with --json one object a line.
func followEvents(cmd *cobra.Command, o *options, f haechi.EventFilter) error {
	c, err := o.client()
	if err != nil {
		return err
	}
	for e, err := range c.Follow(cmd.Context(), f) {
		if err != nil {
			return err
		}
		if !o.print.json {
			o.print.line(o.print.event(&e))
		} else if err := o.print.encode(&e, ""); err != nil {
			return err
		}
		if o.print.out.err != nil {
			return nil // told at the exit
		}
	}
	return nil
}

// event is one event on one line.
func (p *printer) event(e *haechi.Event) string {
	answer := p.word("outcome", e.Outcome)
	if e.Verdict != haechi.Pass {
		answer = p.word("action", e.Verdict)
	}
	if e.Shadow {
		answer += " (" + p.word("mode", haechi.Shadow) + ")"
	}
	parts := []string{p.when(e.Time), text.Pad(p.word("kind", e.Kind), 14, ' '), text.Pad(answer, 7, ' '), e.Service, origin(e), what(e)}
	if e.Reason != "" {
		parts = append(parts, p.reason(e))
	}
	if e.Rule != "" {
		parts = append(parts, "("+e.Rule+")")
	}
	parts = append(parts, string(e.Ref))
	if e.N() > 1 {
		parts = append(parts, "x"+count(e.N()))
	}
	parts = append(parts, e.Text)
	filled := parts[:0]
	for _, s := range parts {
		if s != "" {
			filled = append(filled, s)
		}
	}
	return strings.TrimRight(strings.Join(filled, " "), " ")
}

// origin is the address and the device of an event.
func origin(e *haechi.Event) string {
	s := e.Device
	if e.Addr.IsValid() {
		s = strings.TrimSpace(e.Addr.String() + " " + s)
	}
	return s
}

// what is what the event is about: the request and its answer, or the frame.
func what(e *haechi.Event) string {
	s := e.Frame
	if e.Method != "" {
		s = e.Method + " " + e.Host + e.Path
	}
	if e.Status > 0 {
		s += " " + count(e.Status)
	}
	if e.Room != "" {
		s += " [" + e.Room + "]"
	}
	return strings.TrimSpace(s)
}
