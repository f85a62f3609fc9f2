package flow_test

import (
	"testing"
	"time"

	"haechi"
	"haechi/internal/sensor"
	"haechi/internal/sensor/flow"
)

// ear keeps what it is handed.
type ear struct {
	heard  []sensor.Segment
	closed int
}

func (e *ear) Open(sensor.Ends, time.Time) uint32 { return 7 }
func (e *ear) Close(id uint32, _ time.Time) {
	if id == 7 {
		e.closed++
	}
}
func (e *ear) Data(id uint32, s *sensor.Segment) (string, bool) {
	if id == 7 {
		e.heard = append(e.heard, *s)
	}
	return "", true
}

// The listener is told with the first segment, and only then, where the client begins;
// whoever speaks first, and whichever SYN was the one that counted.
func TestTheListenerKnowsWhereTheClientBegins(t *testing.T) {
	isn := uint32(0xfffffffe)
	type step struct {
		back     bool
		flags    uint8
		seq, ack uint32
		payload  int
	}
	for name, c := range map[string]struct {
		steps []step
		want  []sensor.Segment
	}{
		"the client speaks first": {
			[]step{{false, syn, isn, 0, 0}, {true, syn | ack, 5000, isn + 1, 0}, {false, ack, isn + 11, 5001, 5}, {false, ack, isn + 1, 5001, 10}},
			[]sensor.Segment{{FromClient: true, Seq: 9, Ack: 5001, Start: 0xffffffff}, {FromClient: true, Seq: 0xffffffff, Ack: 5001}}},
		"the server does": {
			[]step{{false, syn, isn, 0, 0}, {true, syn | ack, 5000, isn + 1, 0}, {false, ack, isn + 1, 5001, 0}, {true, ack, 5001, isn + 1, 8}, {false, ack, isn + 1, 5009, 10}},
			[]sensor.Segment{{Seq: 5001, Ack: 0xffffffff, Start: 0xffffffff}, {FromClient: true, Seq: 0xffffffff, Ack: 5009}}},
		"another attempt counts": {
			[]step{{false, syn, 100, 0, 0}, {false, syn, 900, 0, 0}, {true, syn | ack, 5000, 901, 0}, {false, ack, 901, 5001, 5}},
			[]sensor.Segment{{FromClient: true, Seq: 901, Ack: 5001, Start: 901}}},
		"data in the SYN": {
			[]step{{false, syn, 100, 0, 20}, {true, syn | ack, 5000, 121, 30}, {false, ack, 121, 5031, 5}},
			[]sensor.Segment{{FromClient: true, Seq: 101, Start: 101}, {Seq: 5001, Ack: 121}, {FromClient: true, Seq: 121, Ack: 5031}}},
		"the begin was not seen": {
			[]step{{false, ack, 100, 500, 20}},
			[]sensor.Segment{{FromClient: true, Seq: 100, Ack: 500}}},
	} {
		t.Run(name, func(t *testing.T) {
			e := &ear{}
			r := &rig{at: began, Table: flow.New(flow.Config{}, e, func(*haechi.Event) {})}
			for _, s := range c.steps {
				p := packet(client, server, 40000, 22, sensor.ProtoTCP, s.flags)
				if s.back {
					p = packet(server, client, 22, 40000, sensor.ProtoTCP, s.flags)
				}
				p.Seq, p.Ack, p.PayloadLength = s.seq, s.ack, s.payload
				r.send(time.Millisecond, p)
			}
			r.Flush()
			if len(e.heard) != len(c.want) || e.closed != 1 {
				t.Fatalf("heard %+v, closed %d times", e.heard, e.closed)
			}
			for i, w := range c.want {
				if g := e.heard[i]; g.FromClient != w.FromClient || g.Seq != w.Seq || g.Ack != w.Ack || g.Start != w.Start {
					t.Errorf("segment %d is %+v, not %+v", i, g, w)
				}
			}
		})
	}
}

// A connection that never says anything closes nothing at the listener.
func TestASilentConnectionIsNotClosedAtTheListener(t *testing.T) {
	e := &ear{}
	r := &rig{at: began, Table: flow.New(flow.Config{}, e, func(*haechi.Event) {})}
	p := packet(client, server, 40000, 22, sensor.ProtoTCP, syn)
	p.Seq = 6 // the number would be that of another conversation
	r.send(0, p)
	r.Flush()
	if e.closed+len(e.heard) > 0 {
		t.Errorf("closed %d times", e.closed)
	}
}
