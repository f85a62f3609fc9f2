package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"haechi"
	"haechi/internal/app"
)

func runCommand(o *options) *cobra.Command {
	var level, format, sandbox *choice
	cmd := &cobra.Command{Use: "run", Short: "Guard, until interrupted; SIGHUP reloads the configuration", Args: o.noArgs,
		Long: `Started by root, it becomes the user that the file names (user:), or whom the state folder
belongs to, who may still listen on ports below 1024; and it starts the shield process, which
keeps root's rights over the packet filter, and starts it again when it dies.`,
		Example: "  haechi run\n  haechi run --config /etc/haechi/haechi.yaml --log-format json",
		RunE: func(cmd *cobra.Command, _ []string) error {
			log := newLog(o.print.err, level.value, format.value)
			if done, err := o.supervise(cmd.Context(), log, "--log", level.value, "--log-format", format.value, "--sandbox", sandbox.value); done || err != nil {
				return err
			}
			a, err := app.New(cmd.Context(), app.Options{ConfigPath: o.path(), Version: version, Log: log, Sandbox: sandboxed(sandbox.value),
				Started: func(s app.Started) { o.started(&s) }})
			if err != nil {
				return err
			}
			stop := reloadOnHangup(cmd.Context(), a, log)
			defer stop()
			return a.Run(cmd.Context())
		}}
	sandbox = o.choose(cmd, "sandbox", "on", "give up files, capabilities and system calls that guarding does not need", "on", "off")
	level = o.logLevel(cmd, "info")
	format = o.choose(cmd, "log-format", "text", "how the log is written", "text", "json")
	return cmd
}

func sandboxed(choice string) app.Sandbox {
	if choice == "off" {
		return app.SandboxOff
	}
	return app.SandboxOn
}

// supervise runs, as root, the gateway as an ordinary user and the shield beside it, if
// there is somebody to become.
func (o *options) supervise(ctx context.Context, log *slog.Logger, flags ...string) (done bool, err error) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	done, err = app.Supervise(ctx, &app.SuperviseOptions{
		ConfigPath: o.path(), Gateway: os.Args[1:], Shield: append([]string{"shield", "--config", o.path()}, flags...),
		Out: os.Stdout, Err: os.Stderr, Hangup: hup, Log: log,
	})
	if ended := (*exec.ExitError)(nil); errors.As(err, &ended) {
		err = reported{err} // by the gateway itself
	}
	return done, err
}

func (o *options) logLevel(cmd *cobra.Command, preset string) *choice {
	return o.choose(cmd, "log", preset, "what is logged, on standard error", "debug", "info", "warn", "error")
}

func newLog(w io.Writer, level, format string) *slog.Logger {
	var l slog.Level
	_ = l.UnmarshalText([]byte(level)) // one of the flag's choices
	opts := &slog.HandlerOptions{Level: l}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
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

// startedJSON is what `haechi run --json` and `haechi demo --json` print once.
type startedJSON struct {
	Services  []haechi.ServiceStatus `json:"services"`
	Console   string                 `json:"console,omitempty"`
	LoginLink string                 `json:"login_link,omitempty"`
	CAFile    string                 `json:"ca_file,omitempty"`
	Socket    string                 `json:"socket"`
	Config    string                 `json:"config"`
	Shop      string                 `json:"shop,omitempty"` // demo only
}

// started tells the operator where everything is. What cannot be told is no reason
// to stop guarding.
func (o *options) started(s *app.Started) {
	_ = o.print.show(startedJSON{s.Services, s.Console, s.LoginLink, s.CAFile, s.Socket, o.path(), ""}, func() {
		o.print.head(o.print.t("start.guards"))
		printStarted(o.print, s)
		ask := "haechi status"
		if o.config != "" {
			ask += " --config " + shell(o.config)
		}
		o.print.say("start.ask", ask)
		o.print.say("start.stop")
	})
}

// printStarted lists services, console and the first login.
func printStarted(p *printer, s *app.Started) {
	width := 0
	for _, v := range s.Services {
		width = max(width, len(v.Name)+len(v.Kind))
	}
	for _, v := range s.Services {
		name := v.Name + " (" + v.Kind + ")"
		p.line("  " + name + strings.Repeat(" ", width+5-len(name)) + strings.Join(v.Listen, " ") + " -> " + v.Upstream)
	}
	if s.Console != "" {
		p.say("start.console", s.Console)
	}
	if s.CAFile != "" {
		p.line("  " + p.t("start.certificate", s.CAFile))
	}
	if s.LoginLink != "" {
		p.line("  " + p.t("start.login"))
		p.line("  " + s.LoginLink)
	}
}
