package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// options is what the report is made with.
type options struct {
	dir, haechi string
	rounds      int
	length      time.Duration
	parts       map[string]bool
	noisy       bool
	devices     int
	idle        int
	gateOnly    bool
	paced       int
	sources     int
}

func main() {
	err := help(os.Args[1:])
	if errors.Is(err, errNoHelper) {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
		err = run(ctx, os.Args[1:])
		stop()
	}
	switch {
	case err == nil:
	case errors.Is(err, errMissed):
		os.Exit(1)
	default:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
}

var errNoHelper = errors.New("no helper")

// help is the program as one of its own helpers, which end when they are told to.
func help(args []string) error {
	if len(args) == 0 {
		return errNoHelper
	}
	switch args[0] {
	case "upstream":
		return serveUpstream(args[1:])
	case "sink":
		return serveSink(args[1:])
	case "carry":
		return serveCarry(args[1:])
	case "carriers":
		return carryLoad(args[1:])
	case "open":
		return openLoop(args[1:])
	case "hands":
		return shakeHands(args[1:])
	case "taking":
		return serveTaking(args[1:])
	case "wafproxy":
		return serveWafProxy(args[1:])
	case "ask":
		return askLoad(args[1:])
	case "phones":
		return sendFrames(args[1:])
	}
	return errNoHelper
}

func run(ctx context.Context, args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	return report(ctx, o)
}

func parse(args []string) (*options, error) {
	o := &options{parts: map[string]bool{}}
	f := flag.NewFlagSet("compare", flag.ContinueOnError)
	f.StringVar(&o.dir, "dir", "", "folder for everything temporary (required)")
	f.StringVar(&o.haechi, "haechi", "./haechi", "the program")
	f.IntVar(&o.rounds, "rounds", 5, "rounds; medians count")
	seconds := f.Float64("seconds", 3, "length of one measurement")
	only := f.String("only", "web,h2,open,handshake,device,paced,opaque,idle,slow,waf,go", "the parts to measure")
	f.BoolVar(&o.noisy, "noisy", false, "go on although something else uses the processors; the numbers mean little")
	f.IntVar(&o.devices, "devices", 64, "devices that send frames")
	f.IntVar(&o.idle, "idle", 9000, "devices that are idle")
	f.BoolVar(&o.gateOnly, "gate-only", false, "of the servers of idle devices, measure the gateway only")
	f.IntVar(&o.paced, "paced", 1000, "devices that send ten frames a second")
	f.IntVar(&o.sources, "sources", 10_000_000, "distinct sources for the pipeline")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if o.dir == "" || o.rounds < 1 {
		return nil, fmt.Errorf("-dir is required, and at least one round")
	}
	o.length = time.Duration(*seconds * float64(time.Second))
	for part := range strings.SplitSeq(*only, ",") {
		o.parts[part] = true
	}
	var err error
	if o.dir, err = filepath.Abs(o.dir); err != nil {
		return nil, err
	}
	o.haechi, err = filepath.Abs(o.haechi)
	return o, err
}
