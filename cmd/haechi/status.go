package main

import (
	"strings"

	"github.com/spf13/cobra"

	"haechi"
)

// state is the answer of `haechi status --json`.
type state struct {
	haechi.Status
	Overview haechi.Overview `json:"overview"`
}

func statusCommand(o *options) *cobra.Command {
	return &cobra.Command{Use: "status", Short: "Say how the gateway is: services, enforcers, bounds, what is degraded", Args: o.noArgs,
		Example: "  haechi status\n  haechi status --json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := o.client()
			if err != nil {
				return err
			}
			var s state
			if s.Status, err = c.Status(cmd.Context()); err != nil {
				return err
			}
			if s.Overview, err = c.Overview(cmd.Context()); err != nil {
				s.Degraded = append(s.Degraded, describe(err).Message) // the status is most needed when something fails
			}
			return o.print.show(&s, func() { printStatus(o.print, &s) })
		}}
}

func printStatus(p *printer, s *state) {
	v := &s.Overview
	p.say("cli.up", s.Version, p.when(s.Started), s.Config)
	if !s.Reloaded.IsZero() {
		p.say("cli.reloaded_at", p.when(s.Reloaded))
	}
	if !v.At.IsZero() {
		p.say("cli.live", v.Sessions, v.ActiveBots, v.AuthFailures)
		p.say("cli.standing", v.Decisions, v.Pending)
	}
	if v.Stage > haechi.StageWatch {
		note := ""
		if v.Shown {
			note = p.t("cli.stage_shadow")
		}
		p.say("cli.stage", p.word("stage", v.Stage), note)
	}
	if s.Records.Waiting > 0 {
		p.say("cli.records_waiting", s.Records.Where, count((s.Records.Waiting+1023)>>10))
	} else {
		p.say("cli.records", s.Records.Where)
	}
	for _, peer := range s.Peers {
		p.say("cli.peer", peer.Name, peer.Open, p.when(peer.Last))
	}
	for _, d := range s.Degraded {
		p.say("cli.degraded", d)
	}
	for _, w := range s.Warnings {
		p.say("cli.warning", w)
	}
	for _, v := range s.Services {
		if v.OneProxy.IsValid() {
			p.say("gateway.one_proxy", v.Name, v.OneProxy)
		}
	}
	printServices(p, s.Services)
	printLimits(p, s.Services)
	printCertificates(p, s.Certificates)
	printLists(p, s.Lists)
	printLogs(p, s.Logs)
	rows := make([][]string, 0, len(s.Enforcers))
	for _, e := range s.Enforcers {
		note := e.Note
		if e.Unused != "" {
			note = p.t("shield." + e.Unused)
		}
		rows = append(rows, []string{e.Name, count(e.InForce), count(e.Drift), note})
	}
	p.table([]string{"enforcer", "in_force", "drift", "note"}, rows)
	rows = rows[:0]
	for _, c := range s.Counters {
		if c.Value > 0 {
			rows = append(rows, []string{c.Name, count(c.Value)})
		}
	}
	p.table([]string{"counter", "value"}, rows)
}

// printLimits shows the limits that count, in order of precedence.
func printLimits(p *printer, all []haechi.ServiceStatus) {
	var rows [][]string
	for i := range all {
		for _, l := range all[i].Limits {
			rows = append(rows, []string{all[i].Name, l.Of, l.Value, l.Level})
		}
	}
	p.table([]string{"service", "limit_of", "value", "level"}, rows)
}

// printLists shows what is in force of the deny lists.
func printLists(p *printer, all []haechi.ListStatus) {
	rows := make([][]string, 0, len(all))
	for i := range all {
		l := &all[i]
		read, note := "", l.Note
		if !l.Read.IsZero() {
			read = p.when(l.Read)
		}
		if note == "" {
			note = l.First
		}
		rows = append(rows, []string{l.Name, l.Mode.String(), count(l.Prefixes), count(l.Left), count(l.Spared), count(l.Packets), count(l.Refused), read, note})
	}
	if len(rows) > 0 {
		p.table([]string{"list", "mode", "prefixes", "left_out", "spared", "kernel_packets", "refusals", "read", "note"}, rows)
	}
}

// printLogs shows how far the logs are read that the sensor follows.
func printLogs(p *printer, all []haechi.LogStatus) {
	if len(all) == 0 {
		return
	}
	rows := make([][]string, 0, len(all))
	for i := range all {
		l := &all[i]
		newest := ""
		if !l.Newest.IsZero() {
			newest = p.when(l.Newest)
		}
		rows = append(rows, []string{l.Path, count(l.Files), count(l.Lines), count(l.Told), count(l.Long + l.Ambiguous), count(l.Gaps), count(l.Behind), newest})
	}
	p.table([]string{"log", "files", "lines", "understood", "not_taken", "gaps", "behind", "newest"}, rows)
}

func printServices(p *printer, all []haechi.ServiceStatus) {
	rows := make([][]string, 0, len(all))
	for _, v := range all {
		socket, health := "cli.open", "cli.answers"
		if !v.Open {
			socket = "cli.closed"
		}
		if !v.Healthy {
			health = "cli.silent"
		}
		rows = append(rows, []string{v.Name, v.Kind, strings.Join(v.Listen, " "), p.t(socket), v.Upstream, p.t(health), count(v.Live)})
	}
	p.table([]string{"service", "kind", "listen", "socket", "upstream", "health", "live"}, rows)
}

func printCertificates(p *printer, all []haechi.CertificateStatus) {
	if len(all) == 0 {
		return
	}
	rows := make([][]string, 0, len(all))
	for _, c := range all {
		until := ""
		if !c.Until.IsZero() {
			until = p.when(c.Until)
		}
		flaws := make([]string, len(c.Flaws))
		for i, f := range c.Flaws {
			flaws[i] = p.t("reason." + string(f))
		}
		service := c.Service
		if service == "" {
			service = p.t("cli.console")
		}
		rows = append(rows, []string{service, c.Origin, strings.Join(c.Names, " "), until, strings.Join(flaws, ", ")})
	}
	p.table([]string{"service", "origin", "names", "until", "flaws"}, rows)
}
