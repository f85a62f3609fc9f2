package app

import (
	"errors"

	"haechi"
	"haechi/internal/brick/parking"
)

// yard is where the gates' connections wait without a goroutine: the idle ones, and
// apart from them those whose peer does not read, since a descriptor has one place in
// a lot. It lives as long as the process, as connections outlive configurations.
type yard struct{ idle, blocked *parking.Lot }

func openYard() (y yard, err error) {
	if y.idle, err = parking.New(parking.Config{}); err != nil {
		return y, err
	}
	if y.blocked, err = parking.New(parking.Config{}); err != nil {
		return y, errors.Join(err, y.idle.Close())
	}
	return y, nil
}

// close ends what is left; the gates have stopped before.
func (y yard) close() error {
	if y.idle == nil {
		return nil
	}
	return errors.Join(y.idle.Close(), y.blocked.Close())
}

// rest lets go what is kept for the next wakes.
func (y yard) rest() {
	y.idle.Rest()
	y.blocked.Rest()
}

func (y yard) stats() []haechi.Counter {
	idle, blocked := y.idle.Stats(), y.blocked.Stats()
	return []haechi.Counter{
		{Name: "parking.sockets", Value: idle.Taken}, {Name: "parking.wakes", Value: idle.Wakes},
		{Name: "parking.refused", Value: idle.Refused + blocked.Refused}, {Name: "parking.blocked", Value: blocked.Taken},
	}
}
