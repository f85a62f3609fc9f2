package simulate_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gopacket/gopacket/pcapgo"

	"haechi"
	"haechi/internal/operate/simulate"
)

// TestAPlayKeepsTime: the frames of the capture, at its times and of their whole length.
func TestAPlayKeepsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := simulate.Find("exfiltration")
		b, w := written(t, &s, simulate.Config{Seed: 4})
		r, err := pcapgo.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		played, err := s.Play(t.Context(), simulate.Pace{Seed: 4}, func(f []byte) error {
			data, info, err := r.ReadPacketData()
			if err != nil {
				return err
			}
			if !bytes.HasPrefix(f, data) || len(f) != info.Length {
				t.Errorf("a frame of %d bytes, and not of %d", len(f), info.Length)
			}
			if late := time.Since(began) - info.Timestamp.Sub(w.First); late < -time.Millisecond || late > time.Millisecond {
				t.Errorf("a frame of %v came after %v", info.Timestamp.Sub(w.First), time.Since(began))
			}
			return nil
		})
		if err != nil || played.Packets != w.Packets || played.Bytes < 130<<20 || played.Took < w.Last.Sub(w.First)-time.Millisecond {
			t.Errorf("%+v, %v; %+v", played, err, w)
		}
	})
}

func TestAPartOfAPlay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := simulate.Find("document-network")
		n := 0
		played, err := s.Play(t.Context(), simulate.Pace{From: 31 * time.Minute, For: 10 * time.Second}, func([]byte) error { n++; return nil })
		if err != nil || n != played.Packets || n < 300 || played.Took > 10*time.Second || played.Took < 5*time.Second {
			t.Errorf("%d, %+v, %v", n, played, err)
		}
	})
}

// TestAPlayIsBounded: what is too long or empty is refused before anything is sent, and
// what goes wrong ends it.
func TestAPlayIsBounded(t *testing.T) {
	never := func([]byte) error { t.Error("something was sent"); return nil }
	long, _ := simulate.Find("unusual")
	for _, p := range []simulate.Pace{{}, {From: 3 * time.Hour, For: 16 * time.Minute}, {From: 1000 * time.Hour}} {
		if _, err := long.Play(t.Context(), p, never); haechi.KindOf(err) != haechi.Invalid {
			t.Errorf("%+v: %v", p, err)
		}
	}
	short, _ := simulate.Find("port-scan")
	broken := errors.New("the link is down")
	if played, err := short.Play(t.Context(), simulate.Pace{}, func([]byte) error { return broken }); !errors.Is(err, broken) || played.Packets > 0 {
		t.Errorf("%+v, %v", played, err)
	}
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithTimeout(t.Context(), time.Second)
		defer stop()
		if played, err := short.Play(ctx, simulate.Pace{}, func([]byte) error { return nil }); !errors.Is(err, context.DeadlineExceeded) || played.Packets < 50 || played.Packets > 150 {
			t.Errorf("%+v, %v", played, err)
		}
	})
}
