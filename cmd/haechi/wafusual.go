package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"haechi"
)

func usualCommand(o *options) *cobra.Command {
	var service string
	var most *rows
	cmd := &cobra.Command{Use: "usual [PARAMETER]", Short: "Show what parameters usually hold", Args: o.atMost(1),
		Long: `Lists the parameters of the web services, the most used first: which kinds of values
each is known to hold, how many requests and networks that was learned from, and whether
something else is told of. Values are never kept.`,
		Example: "  haechi waf usual\n  haechi waf usual id --service shop",
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := o.client()
			if err != nil {
				return err
			}
			name := ""
			if len(args) > 0 {
				name = args[0]
			}
			all, err := c.Held(cmd.Context(), service, name, most.n)
			if err != nil {
				return err
			}
			return o.print.show(all, func() { printHeld(o.print, all) })
		}}
	cmd.Flags().StringVar(&service, "service", "", "of this service only")
	most = o.limit(cmd, 100)
	cmd.Flags().Lookup("limit").Usage = "at most this many, the most used first"
	return cmd
}

func printHeld(p *printer, all []haechi.Held) {
	rows := make([][]string, 0, len(all))
	for i := range all {
		h := &all[i]
		tells := p.t("waf.learning")
		if h.Tells {
			tells = p.t("waf.tells")
		}
		rows = append(rows, []string{h.Service, h.Route, h.Name, h.Kinds, h.New, strconv.FormatUint(uint64(h.Requests), 10), strconv.Itoa(h.Networks),
			fmt.Sprintf("%d-%d", h.Shortest, h.Longest), p.when(h.First), p.when(h.Last), tells})
	}
	p.table([]string{"service", "route", "parameter", "kinds", "new_kinds", "requests", "networks", "bytes", "first", "last", "status"}, rows)
}
