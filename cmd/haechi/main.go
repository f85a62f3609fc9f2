package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	_ "time/tzdata" // zones on machines without zone files
)

// version is set by the linker.
var version = "dev"

// The exit codes of every command.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// usageError marks an error as wrong use.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// gcPercent trades memory, of which the gateway uses little, for processor time:
// bench/ shows the difference. GOGC overrides it.
const gcPercent = 400

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program apart from main, so that tests start the real thing. The
// second Ctrl-C ends it at once.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	p := newPrinter(stdout, stderr)
	cmd := rootCommand(p)
	cmd.SetArgs(args)
	cmd.SetOut(stdout)
	cmd.SetErr(stderr)
	err := cmd.ExecuteContext(ctx)
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, new(usageError)):
		fmt.Fprintln(stderr, clean(err.Error()))
		fmt.Fprintln(stderr, "see haechi help")
		return exitUsage
	}
	fmt.Fprintln(stderr, "haechi: "+clean(err.Error()))
	return exitFailed
}
