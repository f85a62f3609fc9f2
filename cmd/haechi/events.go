package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"haechi"
)

// eventFlags are the filter of `haechi events`.
type eventFlags struct {
	follow, failures bool
	since            time.Duration
	service, device  string
	source, kind     string
	limit            int
}

func eventsCommand(o *options) *cobra.Command {
	var f eventFlags
	cmd := &cobra.Command{Use: "events", Short: "List what happened, newest first, or follow it live", Args: noArgs,
		Example: "  haechi events --failures --since 1h\n  haechi events --follow",
		RunE: func(cmd *cobra.Command, _ []string) error {
			filter, err := f.filter(time.Now())
			if err != nil {
				return usageError{err}
			}
			if f.follow {
				return followEvents(cmd, o, filter)
			}
			c, err := o.client()
			if err != nil {
				return err
			}
			es, err := c.Events(cmd.Context(), filter)
			if err != nil {
				return err
			}
			return o.print.show(es, func() {
				for i := range es {
					o.print.line("%s", eventLine(&es[i]))
				}
			})
		}}
	fl := cmd.Flags()
	fl.BoolVarP(&f.follow, "follow", "f", false, "stream events as they happen")
	fl.BoolVar(&f.failures, "failures", false, "only failures and refusals")
	fl.DurationVar(&f.since, "since", time.Hour, "how far back")
	fl.StringVar(&f.service, "service", "", "only this service")
	fl.StringVar(&f.device, "device", "", "only this device (BOT/DEVICEID)")
	fl.StringVar(&f.source, "source", "", "only this address or prefix")
	fl.StringVar(&f.kind, "kind", "", "only these kinds, with commas: connect, handshake, auth, message, request, admin, close, system")
	fl.IntVar(&f.limit, "limit", 100, "at most this many")
	return cmd
}

func (f *eventFlags) filter(now time.Time) (haechi.EventFilter, error) {
	out := haechi.EventFilter{Service: f.service, Device: f.device, Failures: f.failures, Limit: f.limit}
	if !f.follow {
		out.Since = now.Add(-f.since)
	}
	if f.kind != "" {
		for name := range strings.SplitSeq(f.kind, ",") {
			var k haechi.Kind
			if err := k.UnmarshalText([]byte(name)); err != nil {
				return out, err
			}
			out.Kinds = append(out.Kinds, k)
		}
	}
	if f.source == "" {
		return out, nil
	}
	kind := "ip:"
	if strings.Contains(f.source, "/") {
		kind = "prefix:"
	}
	var err error
	out.Source, err = haechi.ParseScope(kind + f.source)
	return out, err
}

// followEvents streams until interrupted; with --json one object a line.
func followEvents(cmd *cobra.Command, o *options, f haechi.EventFilter) error {
	c, err := o.client()
	if err != nil {
		return err
	}
	enc := json.NewEncoder(o.print.out)
	for e, err := range c.Follow(cmd.Context(), f) {
		if err != nil {
			return err
		}
		if !o.print.json {
			o.print.line("%s", eventLine(&e))
			continue
		}
		if err := enc.Encode(&e); err != nil {
			return err
		}
	}
	return nil
}

// eventLine is one event for a person.
func eventLine(e *haechi.Event) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %-9s %-7s", when(e.Time), e.Kind, e.Outcome)
	add := func(format, v string) {
		if v != "" {
			fmt.Fprintf(&b, format, v)
		}
	}
	add(" %s", e.Service)
	if e.Addr.IsValid() {
		add(" %s", e.Addr.String())
	}
	add(" %s", e.Device)
	add(" %s", e.Method)
	add(" %s", e.Path)
	if e.Status > 0 {
		add(" %s", fmt.Sprint(e.Status))
	}
	add(" %s", e.Frame)
	add(" room=%s", e.Room)
	add(" reason=%s", string(e.Reason))
	add(" rule=%s", e.Rule)
	add(" ref=%s", string(e.Ref))
	if e.N() > 1 {
		add(" x%s", fmt.Sprint(e.N()))
	}
	add(" %s", e.Text)
	return strings.ReplaceAll(b.String(), "\n", " ")
}
