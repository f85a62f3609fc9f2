package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	_ "time/tzdata" // zones on machines without zone files
)

// version is set by the linker.
var version = "dev"

// gcPercent trades memory, of which the gateway uses little, for processor time:
// bench/ shows the difference. GOGC overrides it.
const gcPercent = 400

// leastProcessors is how many goroutines may run at once, at least: with one, whoever
// waits in a system call for the disk keeps every connection waiting until the runtime
// notices, up to 10 ms. GOMAXPROCS overrides it.
const leastProcessors = 2

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if os.Getenv("GOMAXPROCS") == "" && runtime.GOMAXPROCS(0) < leastProcessors {
		runtime.GOMAXPROCS(leastProcessors)
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run is the program apart from main, so that tests start the real thing. The
// second Ctrl-C ends it at once.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	p := newPrinter(stdout, stderr, os.Getenv)
	root := rootCommand(p)
	root.SetArgs(args)
	root.SetOut(p.out)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if failed := p.out.failed(p); failed != nil {
		err = failed
	}
	return p.exit(ctx, cmd.CommandPath(), err)
}
