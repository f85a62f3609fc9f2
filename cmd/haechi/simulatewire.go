package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"haechi"
	"haechi/internal/operate/simulate"
	"haechi/internal/operate/simulate/wire"
)

// simLink is the interface on which a sensor hears what is played.
const simLink = "haechi-sim"

// A sensor looks for an interface every five seconds, and hands over what it read within
// one.
const (
	wireWait  = 10 * time.Second
	wireEvery = 100 * time.Millisecond
	wireRest  = 2 * time.Second
)

// wireFlags say which part is played on a link of its own.
type wireFlags struct {
	wire   bool
	from   span
	length span
}

func (f *wireFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.BoolVar(&f.wire, "wire", false, "play it on the link "+simLink+" instead of writing it; needs root")
	fl.Var(&f.from, "from", "with --wire: leave out what comes before, for example 31m")
	fl.Var(&f.length, "for", "with --wire: play only so much of it, for example 1m")
}

// playedScenario is what `haechi simulate --wire --json` says.
type playedScenario struct {
	scenarioLine
	Interface string  `json:"interface"`
	Packets   int     `json:"packets"`
	Bytes     int64   `json:"bytes"`
	Seconds   float64 `json:"seconds"`
}

// playOnWire plays a scenario once somebody listens.
func (o *options) playOnWire(ctx context.Context, s *simulate.Scenario, f *simulateFlags) error {
	link, err := wire.Open(simLink)
	if err != nil {
		return err
	}
	played, err := o.played(ctx, s, f, link)
	if err = errors.Join(err, link.Close()); err != nil {
		return err
	}
	line := playedScenario{lineOfScenario(s), simLink, played.Packets, played.Bytes, played.Took.Round(time.Millisecond).Seconds()}
	return o.print.show(line, func() {
		o.print.say("simulate.played", played.Packets, o.print.length(played.Took.Round(time.Second)))
		o.tellGives(s)
	})
}

func (o *options) played(ctx context.Context, s *simulate.Scenario, f *simulateFlags, link *wire.Link) (out simulate.Played, err error) {
	if err := listened(ctx, link); err != nil {
		return out, err
	}
	if !o.print.json {
		o.print.say("simulate.heard", simLink, s.Name)
	}
	out, err = s.Play(ctx, simulate.Pace{From: time.Duration(f.wire.from), For: time.Duration(f.wire.length), Seed: f.seed}, link.Send)
	if err != nil {
		return out, err
	}
	return out, after(ctx, wireRest)
}

// listened waits until a sensor reads the link.
func listened(ctx context.Context, link *wire.Link) error {
	for range wireWait / wireEvery {
		if yes, err := link.Listened(); yes || err != nil {
			return err
		}
		if err := after(ctx, wireEvery); err != nil {
			return err
		}
	}
	return &haechi.Error{Kind: haechi.Unavailable, Op: "simulate on " + simLink, Msg: "nobody listens there",
		Hint: "let the gateway run here with sensor: { interfaces: [" + simLink + "] }"}
}

// after waits.
func after(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
