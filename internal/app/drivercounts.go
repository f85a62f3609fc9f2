package app

import "haechi"

// driverCounts adds what the program in the driver kept from the kernel to what the kernel
// counted: a flood that is held there is still a flood.
type driverCounts struct {
	read func() []haechi.Counter
	was  map[string]uint64 // by counter; none before the first reading
}

func newDriverCounts(read func() []haechi.Counter) *driverCounts {
	return &driverCounts{read: read, was: map[string]uint64{}}
}

// counted is what the kernel would have counted, by the program's counters.
func (*driverCounts) counted(name string) string {
	switch name {
	case "xdp_answered_packets_opening":
		return haechi.CountedCookiesSent
	case "xdp_dropped_packets_pings", "xdp_dropped_packets_echo":
		return haechi.CountedEchoRequests
	case "xdp_dropped_packets_fragments":
		return haechi.CountedFragments
	case "xdp_dropped_packets_unasked":
		return haechi.CountedUDPClosed // nobody waits for it
	}
	return ""
}

// before tells of it before the reading is whole.
func (d *driverCounts) before(emit func(*haechi.Event)) func(*haechi.Event) {
	if d == nil {
		return emit
	}
	return func(e *haechi.Event) {
		if e.Type == haechi.CountedAll {
			d.tell(*e, emit)
		}
		emit(e)
	}
}

// tell tells what was added since the last reading: nothing at the first one, and nothing
// where a counter began anew.
func (d *driverCounts) tell(e haechi.Event, emit func(*haechi.Event)) {
	for _, c := range d.read() {
		kind := d.counted(c.Name)
		if kind == "" {
			continue
		}
		was, known := d.was[c.Name]
		d.was[c.Name] = c.Value
		if known && c.Value > was {
			e.Type, e.Count = kind, c.Value-was
			emit(&e)
		}
	}
}

// driverStats are the counters of the program in the driver; none without it.
func (e *estate) driverStats() []haechi.Counter {
	for _, k := range e.kernels {
		if k.Name() == kernelXDP {
			return k.Stats()
		}
	}
	return nil
}
