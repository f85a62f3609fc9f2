package httpgate

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// pieces reads a text in pieces of n bytes, then fails with err.
type pieces struct {
	text []byte
	n    int
	err  error
}

func (p *pieces) Read(b []byte) (int, error) {
	n := copy(b, p.text[:min(p.n, len(p.text))])
	p.text = p.text[n:]
	if len(p.text) == 0 {
		return n, p.err
	}
	return n, nil
}

func (*pieces) Close() error { return nil }

// FuzzSwap: however a text comes in pieces, it is what bytes.ReplaceAll makes of it.
func FuzzSwap(f *testing.F) {
	f.Add([]byte("aXXaXXX"), []byte("XX"), []byte("nonce"), 1, 3)
	f.Add([]byte(strings.Repeat("ab", 20000)+"abc"), []byte("abc"), []byte(""), 999, 100)
	f.Fuzz(func(t *testing.T, text, old, new []byte, in, out int) {
		if len(old) == 0 || len(old) > 64 || in <= 0 || out <= 0 || out > 1<<16 || in > 1<<16 {
			return
		}
		s := newSwapper(&pieces{bytes.Clone(text), in, io.EOF}, old, new)
		var got bytes.Buffer
		if _, err := io.CopyBuffer(struct{ io.Writer }{&got}, struct{ io.Reader }{s}, make([]byte, out)); err != nil {
			t.Fatal(err)
		}
		if want := bytes.ReplaceAll(text, old, new); !bytes.Equal(got.Bytes(), want) {
			t.Fatalf("%q, want %q", got.Bytes(), want)
		}
	})
}

// TestSwapHoldsNothingUp: what cannot become the placeholder is passed on at once,
// and an error of the upstream comes after everything before it.
func TestSwapHoldsNothingUp(t *testing.T) {
	r, w := io.Pipe()
	s := newSwapper(r, []byte("placeholder"), []byte("nonce"))
	go func() { _, _ = w.Write([]byte("<p>hello</p><script nonce=\"place")) }()
	b := make([]byte, 100)
	if n, err := s.Read(b); err != nil || string(b[:n]) != "<p>hello</p><script nonce=\"" {
		t.Fatalf("%q, %v", b[:n], err)
	}
	go func() { _ = w.CloseWithError(io.ErrUnexpectedEOF) }()
	rest, err := io.ReadAll(s)
	if string(rest) != "place" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatalf("%q, %v", rest, err)
	}
	if err := iotest.TestReader(newSwapper(&pieces{[]byte("aXbXc"), 2, io.EOF}, []byte("X"), []byte("--")), []byte("a--b--c")); err != nil {
		t.Fatal(err)
	}
}
