package main

import (
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"haechi"
)

func statusCommand(o *options) *cobra.Command {
	return &cobra.Command{Use: "status", Short: "Say how the gateway is: services, enforcers, bounds, what is degraded", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := o.client()
			if err != nil {
				return err
			}
			s, err := c.Status(cmd.Context())
			if err != nil {
				return err
			}
			return o.print.show(s, func() { printStatus(o.print, &s) })
		}}
}

func printStatus(p *printer, s *haechi.Status) {
	p.line("haechi %s, up since %s, configuration %s", s.Version, when(s.Started), s.Config)
	rows := make([][]string, 0, len(s.Services))
	for _, v := range s.Services {
		rows = append(rows, []string{v.Name, v.Kind, strings.Join(v.Listen, " "), openWord(v.Open), v.Upstream, healthWord(v.Healthy), strconv.Itoa(v.Live)})
	}
	p.table([]string{"service", "kind", "listen", "socket", "upstream", "health", "live"}, rows)
	rows = rows[:0]
	for _, e := range s.Enforcers {
		rows = append(rows, []string{e.Name, strconv.Itoa(e.InForce), strconv.FormatUint(e.Drift, 10), e.Note})
	}
	p.table([]string{"enforcer", "in force", "drift repaired", "note"}, rows)
	rows = rows[:0]
	for _, c := range s.Counters {
		if c.Value > 0 {
			rows = append(rows, []string{c.Name, strconv.FormatUint(c.Value, 10)})
		}
	}
	p.table([]string{"counter", "value"}, rows)
	for _, d := range s.Degraded {
		p.line("degraded: %s", d)
	}
}

func openWord(open bool) string {
	if open {
		return "open"
	}
	return "closed"
}

func healthWord(ok bool) string {
	if ok {
		return "up"
	}
	return "down"
}
