package talktest

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"haechi/internal/sensor/talk"
)

// Scene is a conversation and the port it is had with.
type Scene struct {
	Port uint16
	Said []Said
}

// decode makes a conversation of a fuzzer's bytes: two bytes for side and length, and what
// is said.
func decode(b []byte) (conversation []Said) {
	for len(b) > 2 && len(conversation) < 64 {
		n := min(int(binary.BigEndian.Uint16(b)&0x7fff), len(b)-2)
		conversation = append(conversation, Said{Server: b[0]&0x80 != 0, Text: string(b[2 : 2+n])})
		b = b[2+n:]
	}
	return conversation
}

func encode(conversation []Said) (b []byte) {
	for _, s := range conversation {
		for text := s.Text; len(text) > 0; {
			n := min(len(text), 0x7fff)
			head := uint16(n)
			if s.Server {
				head |= 0x8000
			}
			b = append(binary.BigEndian.AppendUint16(b, head), text[:n]...)
			text = text[n:]
		}
	}
	return b
}

// Fuzz fuzzes conversations over TCP: the same events whatever the segments and the
// order of neighbours, and nothing is left behind. What begins with one of the words in whole is not cut.
func (s Stage) Fuzz(f *testing.F, scenes []Scene, whole ...string) {
	for _, x := range scenes {
		f.Add(encode(x.Said), x.Port, uint64(7))
	}
	f.Fuzz(func(t *testing.T, b []byte, port uint16, seed uint64) {
		conversation := decode(b)
		want := s.Play(t, port, conversation)
		for _, x := range conversation {
			for _, w := range whole {
				if talk.Begins([]byte(x.Text), w) != talk.No {
					return
				}
			}
		}
		r := rand.New(rand.NewPCG(seed, 1))
		e := s.Listen(Config())
		e.Stream(port, conversation, func() int { return 1 + r.IntN(1+int(seed%97)) })
		Check(t, e)
		if e.Stats().Long == 0 {
			Same(t, "in pieces", e.Events, want)
		}
		e = s.Listen(Config())
		e.Shuffled(port, conversation, func() int { return 1 + r.IntN(1+int(seed%97)) }, r)
		Check(t, e)
		if e.Stats().Long == 0 {
			Same(t, "in shuffled pieces", e.Events, want)
		}
	})
}

// FuzzDatagrams fuzzes conversations over UDP: nothing is left behind, and what is told is
// clean.
func (s Stage) FuzzDatagrams(f *testing.F, scenes []Scene) {
	for _, x := range scenes {
		f.Add(encode(x.Said), x.Port)
	}
	f.Fuzz(func(t *testing.T, b []byte, port uint16) {
		e := s.Listen(Config())
		e.Datagrams(port, decode(b))
		Check(t, e)
	})
}
