package httpgate

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// deadlines counts how often the connection's read deadline is set.
type deadlines struct {
	http.ResponseWriter
	set int
}

func (d *deadlines) SetReadDeadline(time.Time) error {
	d.set++
	return nil
}

// The transport may read a body for a moment after the request was answered. The
// connection belongs to the next request then, and so does its deadline: taking it
// away would let that one send its header for ever.
func TestLateReadLeavesTheConnectionAlone(t *testing.T) {
	w := &deadlines{}
	b := &body{ReadCloser: io.NopCloser(strings.NewReader("body")), control: http.NewResponseController(w), left: 100,
		budget: time.Second, most: time.Second, rate: 1024}
	p := make([]byte, 2)
	if _, err := b.Read(p); err != nil || w.set == 0 {
		t.Fatalf("%v, set %d times", err, w.set)
	}
	b.end()
	w.set = 0
	if _, err := io.ReadAll(b); err == nil || w.set != 0 {
		t.Errorf("after the end: %v, deadline set %d times", err, w.set)
	}
}
