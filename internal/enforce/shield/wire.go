package shield

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"time"

	"haechi"
	"haechi/internal/enforce"
)

// maxMessage bounds a message, in bytes: 200,000 decisions fit.
const maxMessage = 128 << 20

// The requests.
const (
	opApply   = "apply"
	opLift    = "lift"
	opInForce = "in_force"
	opChanged = "changed"
	opGuard   = "guard"
	opStats   = "stats"
	opCapture = "capture"
	opTable   = "connections"
	opMeters  = "meters"
	opKnow    = "know"
	opHeld    = "held"
)

// request is what the gateway asks.
type request struct {
	Op        string             `json:"op"`
	On        string             `json:"on,omitempty"` // the enforcer's name; empty: the first
	Decisions []haechi.Decision  `json:"decisions,omitempty"`
	IDs       []haechi.Reference `json:"ids,omitempty"`
	Prefixes  []netip.Prefix     `json:"prefixes,omitempty"`
	Interface string             `json:"interface,omitempty"`
	Meters    *enforce.Meters    `json:"meters,omitempty"`
	For       time.Duration      `json:"for,omitempty"`
}

// response is what the shield answers.
type response struct {
	Failure   *failure          `json:"failure,omitempty"`
	Decisions []haechi.Decision `json:"decisions,omitempty"`
	Changed   bool              `json:"changed,omitempty"`
	Counters  []haechi.Counter  `json:"counters,omitempty"`
	// Unconfined says what the shield process should have given up and has not.
	Unconfined string `json:"unconfined,omitempty"`

	socket *os.File // goes with the answer
}

// failure is an error on its way.
type failure struct {
	Kind haechi.ErrorKind `json:"kind"`
	Op   string           `json:"op"`
	Msg  string           `json:"msg"`
	Hint string           `json:"hint"`
}

func failureOf(err error) *failure {
	if err == nil {
		return nil
	}
	f := &failure{Kind: haechi.KindOf(err), Op: "enforce in the kernel", Msg: err.Error()}
	var known *haechi.Error
	if errors.As(err, &known) {
		f.Op, f.Msg, f.Hint = known.Op, known.Msg, known.Hint
		if known.Err != nil {
			f.Msg = fmt.Sprintf("%s: %v", known.Msg, known.Err)
		}
	}
	return f
}

func (f *failure) err() error {
	if f == nil {
		return nil
	}
	return &haechi.Error{Kind: f.Kind, Op: f.Op, Msg: f.Msg, Hint: f.Hint}
}

// write sends a message: its length in four bytes, big-endian, and JSON.
func write(w io.Writer, v any) error {
	b, err := message(v)
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

func message(v any) ([]byte, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("write to the shield: %w", err)
	}
	if len(body) > maxMessage {
		return nil, fmt.Errorf("write to the shield: %d bytes are more than %d", len(body), maxMessage)
	}
	return append(binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(body)), uint32(len(body))), body...), nil
}

// read takes one message. What it takes in memory grows with what has come, not with
// what the length claims.
func read(r io.Reader, v any) error {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return err
	}
	return readBody(r, head, v)
}

func readBody(r io.Reader, head [4]byte, v any) error {
	n := binary.BigEndian.Uint32(head[:])
	if n > maxMessage {
		return fmt.Errorf("a message of %d bytes is too long", n)
	}
	body, err := io.ReadAll(io.LimitReader(r, int64(n)))
	if err != nil {
		return err
	}
	if len(body) < int(n) {
		return io.ErrUnexpectedEOF
	}
	return json.Unmarshal(body, v)
}
