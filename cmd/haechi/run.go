package main

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"haechi"
	"haechi/internal/app"
)

func runCommand(o *options) *cobra.Command {
	var level, format string
	cmd := &cobra.Command{Use: "run", Short: "Guard, until interrupted; SIGHUP reloads the configuration", Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := newLog(o.print.err, level, format)
			if err != nil {
				return usageError{err}
			}
			a, err := app.New(cmd.Context(), app.Options{ConfigPath: o.path(), Version: version, Log: log,
				Started: func(s app.Started) { printStarted(o.print, &s) }})
			if err != nil {
				return err
			}
			stop := reloadOnHangup(cmd.Context(), a, log)
			defer stop()
			return a.Run(cmd.Context())
		}}
	cmd.Flags().StringVar(&level, "log", "info", "debug, info, warn or error")
	cmd.Flags().StringVar(&format, "log-format", "text", "text or json")
	return cmd
}

func newLog(w io.Writer, level, format string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, err
	}
	opts := &slog.HandlerOptions{Level: l}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts)), nil
	}
	return slog.New(slog.NewTextHandler(w, opts)), nil
}

// reloadOnHangup reloads at every SIGHUP until ctx ends or stop is called.
func reloadOnHangup(ctx context.Context, a *app.App, log *slog.Logger) (stop func()) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-hup:
				if err := a.Control().Reload(ctx, haechi.Operator{Name: "system", Via: "signal"}); err != nil {
					log.Error("the running configuration stays", "err", err)
				} else {
					log.Info("configuration reloaded")
				}
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() {
		signal.Stop(hup)
		cancel()
		<-done
	}
}

func printStarted(p *printer, s *app.Started) {
	for _, svc := range s.Services {
		p.line("%-7s %-12s %s -> %s", svc.Kind, svc.Name, strings.Join(svc.Listen, " "), svc.Upstream)
	}
	if s.Console != "" {
		p.line("console %s", s.Console)
	}
	if s.CAFile != "" {
		p.line("        its certificate is from the development CA in %s", s.CAFile)
	}
	if s.LoginLink != "" {
		p.line("first login, valid for 15 minutes, once:")
		p.line("        %s", s.LoginLink)
	}
}
