package client

import "time"

// speaker is one protocol's voice and ear. It is used by one goroutine at a time.
type speaker interface {
	// begin starts a connection from this local address and returns its first frame.
	begin(local string, now time.Time) ([]byte, error)
	// sign makes the next frame, with its line end.
	sign(m Message, now time.Time) ([]byte, error)
	// try checks that the message can be signed, and says how long the frame is.
	try(m Message) (int, error)
	// hear reads a line from the server.
	hear(line []byte, now time.Time) heard
}

// heard is what a line from the server means.
type heard struct {
	message Message
	what    meaning
	// answer is to be sent at once, if its event is not empty.
	answer Message
	// open: once the answer is written, the device may speak.
	open    bool
	refusal *Refusal
}

type meaning uint8

const (
	told       meaning = iota // something for the handler
	asked                     // a ping or challenge: only the answer
	unreadable                // no frame
	unverified                // a frame without the signature it must have
	rejected                  // the server does not take this device
)

// anyTime is signed where only the form of a frame matters, Unix milliseconds: a
// device whose clock was never set learns of a wrong frame all the same.
const anyTime = 1_000_000_000_000
