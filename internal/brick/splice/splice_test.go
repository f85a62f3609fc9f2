package splice_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"haechi/internal/brick/splice"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair are the two ends of a connection on loopback.
func pair(t *testing.T) (a, b *net.TCPConn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	out, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	in, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close(); in.Close() })
	return out.(*net.TCPConn), in.(*net.TCPConn)
}

// move is Fill and Drain.
func move(m *splice.Mover) (n int, rerr, werr error) {
	if _, rerr = m.Fill(); rerr != nil {
		return 0, rerr, nil
	}
	n, werr = m.Drain()
	return n, nil, werr
}

func raw(t *testing.T, c *net.TCPConn) syscall.RawConn {
	t.Helper()
	r, err := c.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// line is peer → in, which a mover joins to out → reader.
type line struct {
	peer, in, out, reader *net.TCPConn
	m                     *splice.Mover
}

func newLine(t *testing.T, p *splice.Pool) line {
	var l line
	l.peer, l.in = pair(t)
	l.out, l.reader = pair(t)
	l.m = p.Mover(raw(t, l.out), raw(t, l.in))
	return l
}

func descriptors(t *testing.T) int {
	t.Helper()
	d, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(d)
}

func TestMovesEveryByteAndTheEnd(t *testing.T) {
	p := splice.New(4)
	defer p.Close()
	l := newLine(t, p)
	sent := make([]byte, 3<<20+17)
	_, _ = rand.Read(sent)
	var wg sync.WaitGroup
	var got []byte
	wg.Go(func() {
		_, _ = l.peer.Write(sent)
		_ = l.peer.CloseWrite()
	})
	wg.Go(func() { got, _ = io.ReadAll(l.reader) })
	total := 0
	for {
		n, rerr, werr := move(l.m)
		total += n
		if werr != nil {
			t.Fatal(werr)
		}
		if rerr != nil {
			if rerr != io.EOF {
				t.Fatal(rerr)
			}
			break
		}
	}
	_ = l.out.CloseWrite()
	wg.Wait()
	if total != len(sent) || !bytes.Equal(got, sent) {
		t.Errorf("%d bytes counted, %d of %d came, equal: %t", total, len(got), len(sent), bytes.Equal(got, sent))
	}
	if s := p.Stats(); s.Taken != 0 || s.Kept != 1 {
		t.Errorf("afterwards %+v", s)
	}
}

// TestAnIdleMoverHoldsNoPipe: while 50 movers wait, no pipe is open.
func TestAnIdleMoverHoldsNoPipe(t *testing.T) {
	p := splice.New(1000)
	var lines []line
	for range 50 {
		lines = append(lines, newLine(t, p))
	}
	before := descriptors(t)
	var wg sync.WaitGroup
	for _, l := range lines {
		_, _ = l.peer.Write([]byte("one"))
		wg.Go(func() {
			for {
				if _, rerr, werr := move(l.m); rerr != nil || werr != nil {
					return
				}
			}
		})
	}
	for _, l := range lines {
		if _, err := io.ReadFull(l.reader, make([]byte, 3)); err != nil {
			t.Fatal(err)
		}
	}
	late := time.After(5 * time.Second)
	for p.Stats().Taken > 0 {
		select {
		case <-late:
			t.Fatalf("idle movers hold %d pipes", p.Stats().Taken)
		default:
		}
	}
	if got := descriptors(t); got-before > 2*16 {
		t.Errorf("%d descriptors more than before while 50 movers wait, want those of 16 kept pipes at most", got-before)
	}
	for _, l := range lines {
		_ = l.in.SetReadDeadline(time.Unix(1, 0))
	}
	wg.Wait()
	p.Close()
	if got := descriptors(t); got != before {
		t.Errorf("%d descriptors, %d before", got, before)
	}
}

// TestNoPipeLeavesTheBytes: who has to do without a pipe reads them himself.
func TestNoPipeLeavesTheBytes(t *testing.T) {
	p := splice.New(0)
	l := newLine(t, p)
	done := make(chan error, 1)
	go func() { _, rerr, _ := move(l.m); done <- rerr }()
	select {
	case err := <-done:
		t.Fatalf("did not wait: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	_, _ = l.peer.Write([]byte("hello"))
	if err := <-done; !errors.Is(err, splice.ErrNoPipe) {
		t.Fatalf("got %v", err)
	}
	b := make([]byte, 5)
	if _, err := io.ReadFull(l.in, b); err != nil || string(b) != "hello" {
		t.Errorf("%q, %v", b, err)
	}
	if p.Stats().Refused == 0 {
		t.Error("the refusal is not counted")
	}
}

// TestDeadlines: a silent source and a reader that takes nothing both end the wait,
// and the pipe that holds lost bytes is closed.
func TestDeadlines(t *testing.T) {
	p := splice.New(4)
	defer p.Close()
	l := newLine(t, p)
	_ = l.in.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	if _, rerr, _ := move(l.m); !errors.Is(rerr, os.ErrDeadlineExceeded) {
		t.Errorf("silence: %v", rerr)
	}
	_ = l.in.SetReadDeadline(time.Time{})
	before := descriptors(t)
	go func() {
		for {
			if _, err := l.peer.Write(make([]byte, 1<<16)); err != nil {
				return
			}
		}
	}()
	var werr error
	for werr == nil {
		_ = l.out.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
		_, _, werr = move(l.m)
	}
	if !errors.Is(werr, os.ErrDeadlineExceeded) {
		t.Errorf("a reader that takes nothing: %v", werr)
	}
	if s := p.Stats(); s.Taken != 0 {
		t.Errorf("afterwards %+v", s)
	}
	_ = l.peer.Close()
	p.Close()
	if got := descriptors(t); got >= before {
		t.Errorf("%d descriptors, %d before", got, before)
	}
}

func TestAReaderThatIsGone(t *testing.T) {
	p := splice.New(4)
	defer p.Close()
	l := newLine(t, p)
	_ = l.reader.SetLinger(0)
	_ = l.reader.Close()
	var werr error
	for range 100 {
		_, _ = l.peer.Write([]byte("x"))
		if _, _, werr = move(l.m); werr != nil {
			break
		}
	}
	if werr == nil || p.Stats().Taken != 0 {
		t.Errorf("writing: %v, %+v", werr, p.Stats())
	}
}
