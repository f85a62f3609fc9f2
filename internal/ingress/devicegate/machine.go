package devicegate

import (
	"bytes"
	"time"

	"haechi"
)

// Op is what a [Machine] asks of the loop around it.
type Op uint8

// The operations. The loop does them in the order in which they come.
const (
	// OpNone: nothing to do. All input was taken, unless the machine waits for
	// [Machine.Dialed].
	OpNone Op = iota
	// OpNote: only the Event.
	OpNote
	// OpSend: write Bytes to the device. If Final, close the upstream first.
	OpSend
	// OpForward: write Bytes to the upstream.
	OpForward
	// OpDial: the device is proved. Connect to the upstream, then call Dialed.
	OpDial
	// OpPause: take no input for Delay, then Step again.
	OpPause
	// OpHold: answer nothing for Delay; what comes in is thrown away. The loop
	// calls Abandon when it cannot afford another held connection.
	OpHold
	// OpClose: close the connection. It is the last operation.
	OpClose
)

// Action is one operation. Bytes and Event hold until the next Step.
type Action struct {
	Op    Op
	Final bool
	// Input says that Bytes are the last of the input taken by this Step.
	Input bool
	Bytes []byte
	Delay time.Duration
	// Query says that the frame asks the upstream for data: after the Event, the same
	// is to be emitted once more as a query.
	Query bool
	// Event is to be emitted, once the loop has added what only it knows.
	Event *haechi.Event
}

type state uint8

const (
	waiting    state = iota // for the handshake
	proving                 // ping sent, for the signed answer
	dialing                 // for Dialed
	delivering              // handshake and early frames
	open
	refused // the error frame is to be sent
	ending  // hold or close
	held
	closed
)

// Machine is one device connection as a pure state machine: no I/O, no clock, no
// goroutine. It serves one goroutine at a time.
type Machine struct {
	gate    *Gate
	state   state
	actor   haechi.Actor
	session uint64
	// deadline is when the present state ends by itself; zero: never.
	deadline time.Time

	bot, serial, key, version string
	stamp                     uint64 // what an answer to the gate's own ping returns, as Gate.mark has it
	hello                     []byte // the held handshake line
	early                     early
	rooms                     rooms

	seq, proofSeq uint64 // the last accepted number, and that of the proof
	bound         bool   // the device has sent a signature over a whole frame

	enrol *enrolling // it is not approved, but may bring a code
	pin   *string    // the identity that its frames sign; nil: not looked at yet

	partial []byte // a frame that came in pieces
	whole   bool   // partial is all of it
	nest    nest   // where in a frame of a JSON stream partial ends
	wait    wait
	refused int // by limits, in a row

	holdUntil time.Time
	status    haechi.DeviceStatus // when it was refused
	discarded int
	greetings int // handshakes after the first
	lastSeen  time.Time
	end       Ending
	failure   *haechi.Event // the event of the refusal
	out       []byte        // the gate's own frame
}

// Ending is how a connection ended, for its close event.
type Ending struct {
	Reason              haechi.Reason
	Rule                string
	Ref                 haechi.Reference
	Verdict             haechi.Action
	Observed, Threshold float64
	Window              time.Duration
	Provoked            bool
}

// Machine starts a connection.
func (g *Gate) Machine(a haechi.Actor, session uint64, now time.Time) *Machine {
	return &Machine{gate: g, actor: a, session: session, deadline: now.Add(g.cfg.HandshakeTimeout)}
}

// Actor is who the peer is, as far as is known.
func (m *Machine) Actor() haechi.Actor { return m.actor }

// Proved reports whether the device has proved itself.
func (m *Machine) Proved() bool { return m.actor.Assurance == haechi.Authenticated }

// Ending is why the machine refused; zero if it did not.
func (m *Machine) Ending() Ending { return m.end }

// Deadline is when Step has to be called even without input; zero: never.
func (m *Machine) Deadline() time.Time { return m.deadline }

// Buffered is the memory that the connection's input occupies, in bytes.
func (m *Machine) Buffered() int { return cap(m.partial) + cap(m.early.buf) + len(m.hello) }

// Step takes input, up to the first thing to do. n bytes of p are done with; the
// rest has to be presented again, before anything newer. Call it until it returns
// OpNone, and at the [Machine.Deadline] with whatever input there is.
func (m *Machine) Step(w *Work, p []byte, now time.Time) (n int, a Action) {
	w.text = w.text[:0]
	for {
		m.expire(now)
		switch m.state {
		case dialing:
			return n, Action{}
		case delivering:
			if a = m.deliver(w, now); a.Op != OpNone {
				return n, a
			}
		case refused:
			return n, m.notice(w)
		case ending:
			return n, m.leave(now)
		case held:
			m.discard(len(p) - n)
			if m.state == held {
				return len(p), Action{}
			}
		case closed:
			return len(p), Action{Op: OpClose}
		default:
			line, took, ok := m.next(p[n:], now)
			if !ok {
				n += took
				if m.state == refused {
					continue
				}
				return n, Action{}
			}
			if m.whole {
				n, took = n+took, 0 // the machine has the line, whatever becomes of it
			}
			a = m.frame(w, line, now)
			if a.Op == OpPause {
				return n, a // the line is looked at again
			}
			n += took
			a.Input = a.Op == OpForward && !m.whole
			m.taken()
			if a.Op != OpNone {
				return n, a
			}
		}
	}
}

// taken is done with a line; what an action has of it holds until the next Step.
func (m *Machine) taken() {
	m.whole = false
	m.nest = nest{}
	m.partial = m.partial[:0]
	if cap(m.partial) > 4096 {
		m.partial = nil
	}
}

// frame passes one frame to what the state expects.
func (m *Machine) frame(w *Work, line []byte, now time.Time) Action {
	body, lines := m.gate.layout.content(line)
	if lines && len(bytes.TrimLeft(body, " \t\r")) == 0 || len(body) == 0 {
		return Action{} // the servers go on after a blank line, so does the gate
	}
	if lines && bytes.IndexByte(body, '\r') >= 0 {
		// White space in JSON, but a line end to other readers, for whom what follows
		// would be a frame of its own.
		m.refuse(refusal{reason: haechi.ReasonMalformed, kind: m.kind()}, now)
		return Action{}
	}
	switch m.state {
	case waiting:
		return m.greet(w, line, body, now)
	case proving:
		return m.prove(w, line, body, now)
	default:
		return m.pass(w, line, body, now)
	}
}

// Dialed tells how the connection to the upstream went.
func (m *Machine) Dialed(err error, now time.Time) {
	if m.state != dialing {
		return
	}
	if err != nil {
		m.refuse(refusal{reason: haechi.ReasonUpstreamDown, provoked: true}, now)
		return
	}
	// The session could not be cut by its device before it was identified, so a
	// change of status since the handshake is looked for once more.
	if !m.approved(0, now) {
		return
	}
	m.state = delivering
	m.deadline = time.Time{}
}

// deliver yields the handshake, then the early frames that pass.
func (m *Machine) deliver(w *Work, now time.Time) Action {
	if hello := m.hello; hello != nil {
		m.hello = nil
		return Action{Op: OpForward, Bytes: hello}
	}
	if line, ok := m.early.peek(); ok {
		body, _ := m.gate.layout.content(line)
		a := m.pass(w, line, body, now)
		if a.Op != OpPause {
			m.early.drop()
		}
		return a
	}
	m.early = early{}
	m.state, m.seq = open, max(m.seq, m.proofSeq)
	m.deadline = now.Add(m.gate.cfg.Idle)
	return Action{}
}

// kind is the kind of event that an unreadable line is in the present state.
func (m *Machine) kind() haechi.Kind {
	if m.state == waiting {
		return haechi.KindHandshake
	}
	return haechi.KindMessage
}
