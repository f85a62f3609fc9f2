package signature_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/identity/signature"
)

func benchFrame() []byte { return []byte(strings.Repeat("x", 254)) }

// A duplicate runs the whole way but for the insertion.
func BenchmarkProveKnown(b *testing.B) {
	v := signature.New(signature.Config{}, ring())
	c := claim(bot, vectorKey(), vectorTime, 1, string(benchFrame()))
	v.Prove(&c, vectorTime)
	b.ReportAllocs()
	for b.Loop() {
		if v.Prove(&c, vectorTime).Reason != "" {
			b.Fatal("refused")
		}
	}
}

// New frames, in time that moves on so that generations rotate; signing them is
// outside the clock.
func BenchmarkProveNew(b *testing.B) {
	const batch = 4096
	v := signature.New(signature.Config{Window: time.Second, Share: 1 << 20}, ring())
	now, claims := vectorTime, make([]haechi.Claim, batch)
	b.ReportAllocs()
	for i := 0; i < b.N; i++ {
		if i%batch == 0 {
			b.StopTimer()
			for j := range claims {
				claims[j] = claim(bot, vectorKey(), now.Add(time.Duration(j)*time.Millisecond), 1, "frame")
			}
			b.StartTimer()
		}
		if p := v.Prove(&claims[i%batch], now); p.Reason != "" {
			b.Fatal(p)
		}
		now = now.Add(time.Millisecond)
	}
}

// The naive way: new hash states and strings for each frame.
func BenchmarkNaive(b *testing.B) {
	k := vectorKey()
	c := claim(bot, k, vectorTime, 1, "frame")
	b.ReportAllocs()
	for b.Loop() {
		parts := make([]string, 0, 7)
		for _, p := range c.Parts[:c.N] {
			parts = append(parts, string(p))
		}
		parts = append(parts, string(k.Salt))
		h := hmac.New(sha256.New, k.Secret)
		h.Write([]byte(strings.Join(parts, "|")))
		if !hmac.Equal([]byte(hex.EncodeToString(h.Sum(nil))), c.Signature) {
			b.Fatal("refused")
		}
	}
}

func TestProvingDoesNotAllocate(t *testing.T) {
	v := signature.New(signature.Config{}, ring())
	c := claim(bot, vectorKey(), vectorTime, 1, "frame")
	v.Prove(&c, vectorTime)
	bad := c
	bad.Parts[4] = []byte("10.0.0.1")
	if n := testing.AllocsPerRun(100, func() {
		v.Prove(&c, vectorTime)
		v.Prove(&bad, vectorTime)
	}); n != 0 {
		t.Errorf("%v allocations a claim", n)
	}
}
