package simulate

import (
	"context"
	"fmt"
	"time"

	"haechi"
)

// Pace says which part of a scenario is played, at the scenario's own speed.
type Pace struct {
	From time.Duration // what comes before is left out
	For  time.Duration // 0: to its end
	Seed uint64
}

// mostPlay bounds what is played at its own speed.
const mostPlay = 15 * time.Minute

// Played says what was sent.
type Played struct {
	Packets int
	Bytes   int64
	Took    time.Duration
}

// Play hands the frames to send, each when its time has come and as long as it would be on
// the wire: what a capture leaves out is zeros. It ends with ctx. Errors are those of send,
// and of kind Invalid for a part that is empty or longer than 15 minutes.
func (s *Scenario) Play(ctx context.Context, p Pace, send func(frame []byte) error) (out Played, err error) {
	frames, err := s.part(p)
	if err != nil {
		return out, err
	}
	began := time.Now()
	defer func() { out.Took = time.Since(began) }()
	for i := range frames {
		f := &frames[i]
		ahead := time.Until(began.Add(f.at - p.From))
		if ahead < time.Millisecond {
			ahead = 0 // a timer is not more exact
		}
		if !rest(ctx, ahead) {
			return out, ctx.Err()
		}
		b := append(f.bytes, make([]byte, f.wire-len(f.bytes))...)
		if err := send(b); err != nil {
			return out, err
		}
		out.Packets++
		out.Bytes += int64(len(b))
	}
	return out, nil
}

// part are the frames of a part.
func (s *Scenario) part(p Pace) ([]frame, error) {
	all, err := s.frames(p.Seed)
	if err != nil {
		return nil, err
	}
	from, until := 0, len(all)
	for from < until && all[from].at < p.From {
		from++
	}
	for until > from && p.For > 0 && all[until-1].at >= p.From+p.For {
		until--
	}
	if from == until {
		return nil, &haechi.Error{Kind: haechi.Invalid, Op: "play " + s.Name, Msg: "nothing happens in that part", Hint: "--from lies behind its end"}
	}
	if long := max(all[until-1].at-p.From, p.For); long > mostPlay {
		return nil, &haechi.Error{Kind: haechi.Invalid, Op: "play " + s.Name, Msg: fmt.Sprintf("it takes %v, and at most %v are played", long.Round(time.Second), mostPlay),
			Hint: "play a part with --from and --for, or write it with --out"}
	}
	return all[from:until], nil
}
