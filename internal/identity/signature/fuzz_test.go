package signature_test

import (
	"bytes"
	"regexp"
	"strconv"
	"testing"
	"time"

	"haechi"
	"haechi/internal/identity/signature"
)

// FuzzProve holds the verifier against the plain reading of the protocol page:
// whatever the fields are, a claim is proved exactly if all of them are allowed
// and its signature is the text that Sign gives.
func FuzzProve(f *testing.F) {
	good := claim(bot, vectorKey(), vectorTime, 1, "frame")
	f.Add(good.Parts[0], good.Parts[1], good.Parts[3], good.Timestamp, good.Signature, true)
	f.Add(good.Parts[0], good.Parts[1], good.Parts[3], good.Timestamp, bytes.ToUpper(good.Signature), false)
	f.Add([]byte("a|b"), []byte("c"), []byte(""), []byte("1753412789123"), []byte("00"), true)
	f.Add([]byte("a"), []byte("b|c"), []byte("\x00\xff"), []byte("1.75341278e12"), []byte(""), true)
	plain := regexp.MustCompile(`^[0-9]{13}$`)
	f.Fuzz(func(t *testing.T, a, b, c, ts, sig []byte, sign bool) {
		k := vectorKey()
		if sign {
			sig = []byte(signature.Sign(&k, a, b, c, ts))
		}
		cl := haechi.Claim{Device: bot, Session: 1, N: 4, Timestamp: ts, Signature: sig}
		cl.Parts[0], cl.Parts[1], cl.Parts[2], cl.Parts[3] = a, b, c, ts
		p := signature.New(signature.Config{}, ring()).Prove(&cl, vectorTime)
		ms, _ := strconv.ParseInt(string(ts), 10, 64)
		skew := time.UnixMilli(ms).Sub(vectorTime).Abs()
		joined := bytes.Join([][]byte{a, b, c, ts}, nil)
		want := plain.Match(ts) && skew <= 300*time.Second && !bytes.Contains(joined, []byte("|")) &&
			len(joined)+4 <= 4096 && string(sig) == signature.Sign(&k, a, b, c, ts)
		if got := p.Reason == ""; got != want {
			t.Fatalf("proved %v (%q), want %v", got, p.Reason, want)
		}
	})
}
