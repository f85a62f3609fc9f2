package main

import (
	"context"
	"strconv"

	"github.com/spf13/cobra"

	"haechi"
	"haechi/internal/show/api"
)

func serversCommand(o *options) *cobra.Command {
	cmd := &cobra.Command{Use: "servers", Short: "List the servers behind HTTP services that have several; drain one, or put it back", Args: o.noArgs,
		Long: `A server that is drained gets no new request; what it has under way goes on, and
"under way" counts down to 0. It stays drained until resume or a restart of the gateway.
To take it away for good, take it out of upstreams: in the file and reload.`,
		Example: "  haechi servers\n  haechi servers drain shop http://10.0.0.6:8080 --reason 'new kernel'\n  haechi servers resume shop http://10.0.0.6:8080",
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := o.client()
			if err != nil {
				return err
			}
			s, err := c.Status(cmd.Context())
			if err != nil {
				return err
			}
			all := severalServers(s.Services)
			return o.print.show(all, func() { printServers(o.print, all) })
		}}
	cmd.AddCommand(drainCommand(o, "drain", "Give a server no new requests", "cli.drained", (*api.Client).Drain),
		drainCommand(o, "resume", "Give a server requests again", "cli.resumed", (*api.Client).Resume))
	return cmd
}

// servedBy is one server with the service before it.
type servedBy struct {
	Service string `json:"service"`
	haechi.ServerStatus
}

// severalServers lists those of each service once: one that also redirects is there twice.
func severalServers(all []haechi.ServiceStatus) []servedBy {
	out, seen := []servedBy{}, map[string]bool{}
	for i := range all {
		if seen[all[i].Name] {
			continue
		}
		for _, one := range all[i].Servers {
			seen[all[i].Name] = true
			out = append(out, servedBy{all[i].Name, one})
		}
	}
	return out
}

func printServers(p *printer, all []servedBy) {
	if len(all) == 0 {
		p.say("cli.servers_none")
		return
	}
	rows := make([][]string, 0, len(all))
	for i := range all {
		health, turn := "cli.answers", "cli.in_turn"
		if !all[i].Up {
			health = "cli.silent"
		}
		if all[i].Draining {
			turn = "cli.draining"
		}
		rows = append(rows, []string{all[i].Service, all[i].URL, p.t(health), p.t(turn), strconv.FormatInt(all[i].Busy, 10)})
	}
	p.table([]string{"service", "server", "health", "turn", "busy"}, rows)
}

func drainCommand(o *options, use, short, told string, do func(*api.Client, context.Context, api.DrainRequest) error) *cobra.Command {
	var reason string
	cmd := &cobra.Command{Use: use + " SERVICE SERVER", Short: short, Args: o.exactly(2),
		Example: "  haechi servers " + use + " shop http://10.0.0.6:8080",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := o.client()
			if err != nil {
				return err
			}
			q := api.DrainRequest{Service: args[0], Server: args[1], Reason: reason}
			if err := do(c, cmd.Context(), q); err != nil {
				return err
			}
			return o.print.show(q, func() { o.print.say(told, args[1], args[0]) })
		}}
	cmd.Flags().StringVar(&reason, "reason", "", "why, for the audit trail")
	return cmd
}
