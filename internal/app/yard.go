package app

import (
	"errors"
	"runtime"

	"haechi"
	"haechi/internal/brick/parking"
)

// yard is where the gates' connections wait without a goroutine: the idle ones, and
// apart from them those whose peer does not read, since a descriptor has one place in
// a lot; and the loops of HTTP, one a processor. It lives as long as the process, as
// connections outlive configurations.
type yard struct {
	idle, blocked *parking.Lot
	loops         []*parking.Lot
}

// mostLoops bounds them on large machines.
const mostLoops = 16

func openYard() (y yard, err error) {
	defer func() {
		if err != nil {
			err = errors.Join(err, y.close())
		}
	}()
	if y.idle, err = parking.New(parking.Config{}); err != nil {
		return y, err
	}
	if y.blocked, err = parking.New(parking.Config{}); err != nil {
		return y, err
	}
	for range min(runtime.NumCPU(), mostLoops) {
		lot, err := parking.New(parking.Config{Riding: true})
		if err != nil {
			return y, err
		}
		y.loops = append(y.loops, lot)
	}
	return y, nil
}

// close ends what is left; the gates have stopped before.
func (y yard) close() (err error) {
	for _, lot := range append([]*parking.Lot{y.idle, y.blocked}, y.loops...) {
		if lot != nil {
			err = errors.Join(err, lot.Close())
		}
	}
	return err
}

// rest lets go what is kept for the next wakes.
func (y yard) rest() {
	y.idle.Rest()
	y.blocked.Rest()
	for _, lot := range y.loops {
		lot.Rest()
	}
}

func (y yard) stats() []haechi.Counter {
	idle, blocked := y.idle.Stats(), y.blocked.Stats()
	var loops parking.Stats
	for _, lot := range y.loops {
		st := lot.Stats()
		loops.Taken, loops.Rides, loops.Ended, loops.Refused = loops.Taken+st.Taken, loops.Rides+st.Rides, loops.Ended+st.Ended, loops.Refused+st.Refused
	}
	return []haechi.Counter{
		{Name: "loops.sockets", Value: loops.Taken}, {Name: "loops.rides", Value: loops.Rides},
		{Name: "loops.turns_ended", Value: loops.Ended}, {Name: "loops.refused", Value: loops.Refused},
		{Name: "parking.sockets", Value: idle.Taken}, {Name: "parking.wakes", Value: idle.Wakes},
		{Name: "parking.refused", Value: idle.Refused + blocked.Refused}, {Name: "parking.blocked", Value: blocked.Taken},
	}
}
