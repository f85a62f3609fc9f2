package signature_test

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"haechi"
	"haechi/internal/identity/signature"
)

const bot = "LOA.i/0123456789abcdef"

// vectorTime is the timestamp of the protocol page's vectors.
var vectorTime = time.UnixMilli(1753412789123)

type keyring map[string][]haechi.Key

func (k keyring) Keys(device string, _ time.Time) []haechi.Key { return k[device] }

func key(id, secret, salt string) haechi.Key {
	return haechi.Key{ID: id, Secret: haechi.Secret(secret), Salt: haechi.Secret(salt)}
}

func vectorKey() haechi.Key { return key("k1", "example-shared-key-do-not-use", "example-salt") }

func ring() keyring { return keyring{bot: {vectorKey()}} }

// claim makes a signed claim of the messengerbot profile.
func claim(device string, k haechi.Key, at time.Time, session uint64, frame string) haechi.Claim {
	name, id, _ := haechi.SplitDeviceKey(device)
	parts := [][]byte{[]byte("MessengerBotR"), []byte(name), []byte(id), []byte("02:00:00:00:00:00"), []byte("192.168.0.15")}
	stamp := strconv.AppendInt(nil, at.UnixMilli(), 10)
	parts = append(parts, stamp)
	c := haechi.Claim{Device: device, Session: session, N: len(parts), Timestamp: stamp}
	copy(c.Parts[:], parts)
	c.Signature = []byte(signature.Sign(&k, parts...))
	c.Frame = []byte(frame)
	return c
}

func wantReason(t *testing.T, p haechi.Proof, want haechi.Reason) {
	t.Helper()
	if p.Reason != want {
		t.Errorf("reason %q, want %q (%+v)", p.Reason, want, p)
	}
}

// The vectors that the protocol page publishes for the standard order.
func TestPublishedVectors(t *testing.T) {
	k := vectorKey()
	for name, want := range map[string]string{
		"LOA.i": "c3b762c2a87c1a3edfd65e5897dac83686f6cdca4cef1754ce17dc093e1e7829",
		"도매까봇":  "1352c40a03b071fe8028f196fef275f6d5af0c2b9ea7283a88d018011c3c8879",
	} {
		device := haechi.DeviceKey(name, "0123456789abcdef")
		c := claim(device, k, vectorTime, 1, "frame")
		if string(c.Signature) != want {
			t.Errorf("%s: Sign gave %s, want %s", name, c.Signature, want)
		}
		c.Signature = []byte(want)
		p := signature.New(signature.Config{}, keyring{device: {k}}).Prove(&c, vectorTime)
		if p.Reason != "" || p.KeyID != "k1" || p.Skew != 0 || p.Duplicate {
			t.Errorf("%s: %+v, want a plain proof by k1", name, p)
		}
	}
}

// A timestamp that is not among the signed fields proves no freshness.
func TestTimestampMustBeSigned(t *testing.T) {
	c := claim(bot, vectorKey(), vectorTime, 1, "frame")
	c.Timestamp = []byte("1753412789124")
	wantReason(t, signature.New(signature.Config{}, ring()).Prove(&c, vectorTime), haechi.ReasonMalformed)
	k := vectorKey()
	c = claim(bot, k, vectorTime, 1, "frame")
	c.N = 5
	c.Signature = []byte(signature.Sign(&k, c.Parts[:5]...))
	wantReason(t, signature.New(signature.Config{}, ring()).Prove(&c, vectorTime), haechi.ReasonMalformed)
}

func TestWhatIsNoSignature(t *testing.T) {
	good := claim(bot, vectorKey(), vectorTime, 1, "frame")
	for name, c := range map[string]struct {
		change func(*haechi.Claim)
		want   haechi.Reason
	}{
		"absent":             {func(c *haechi.Claim) { c.Signature = nil }, haechi.ReasonAuthMissing},
		"no parts":           {func(c *haechi.Claim) { c.N = 0 }, haechi.ReasonAuthMissing},
		"upper-case hex":     {func(c *haechi.Claim) { c.Signature = bytes.ToUpper(c.Signature) }, haechi.ReasonHMACFailed},
		"short":              {func(c *haechi.Claim) { c.Signature = c.Signature[:63] }, haechi.ReasonHMACFailed},
		"long":               {func(c *haechi.Claim) { c.Signature = append(c.Signature[:64:64], '0') }, haechi.ReasonHMACFailed},
		"no hex":             {func(c *haechi.Claim) { c.Signature = bytes.Repeat([]byte("g"), 64) }, haechi.ReasonHMACFailed},
		"other part":         {func(c *haechi.Claim) { c.Parts[4] = []byte("192.168.0.16") }, haechi.ReasonHMACFailed},
		"part missing":       {func(c *haechi.Claim) { c.Parts[4], c.N = c.Parts[5], 5 }, haechi.ReasonHMACFailed},
		"other case":         {func(c *haechi.Claim) { c.Parts[1] = []byte("loa.i") }, haechi.ReasonHMACFailed},
		"delimiter in part":  {func(c *haechi.Claim) { c.Parts[3] = []byte("a|b") }, haechi.ReasonMalformed},
		"huge part":          {func(c *haechi.Claim) { c.Parts[3] = make([]byte, 5000) }, haechi.ReasonMalformed},
		"too many parts":     {func(c *haechi.Claim) { c.N = haechi.MaxClaimParts + 1 }, haechi.ReasonMalformed},
		"float timestamp":    {func(c *haechi.Claim) { c.Timestamp = []byte("1753412789123.0") }, haechi.ReasonMalformed},
		"timestamp with e":   {func(c *haechi.Claim) { c.Timestamp = []byte("1.75341278e12") }, haechi.ReasonMalformed},
		"seconds":            {func(c *haechi.Claim) { c.Timestamp = []byte("1753412789") }, haechi.ReasonMalformed},
		"signed timestamp":   {func(c *haechi.Claim) { c.Timestamp = []byte("+753412789123") }, haechi.ReasonMalformed},
		"device without key": {func(c *haechi.Claim) { c.Device = "loa.i/0123456789abcdef" }, haechi.ReasonNoKey},
	} {
		t.Run(name, func(t *testing.T) {
			bad := good
			c.change(&bad)
			wantReason(t, signature.New(signature.Config{}, ring()).Prove(&bad, vectorTime), c.want)
		})
	}
}

// Neighbouring fields must not be able to shift a byte between them unnoticed.
func TestFieldBoundariesAreSigned(t *testing.T) {
	c := claim(bot, vectorKey(), vectorTime, 1, "frame")
	c.Parts[1], c.Parts[2] = []byte("LOA."), []byte("i0123456789abcdef")
	wantReason(t, signature.New(signature.Config{}, ring()).Prove(&c, vectorTime), haechi.ReasonHMACFailed)
}

func TestClock(t *testing.T) {
	cfg := signature.Config{Past: 300 * time.Second, Future: 60 * time.Second}
	for _, c := range []struct {
		skew      time.Duration
		threshold float64
		refused   bool
	}{
		{0, 0, false},
		{-300 * time.Second, 0, false},
		{-300*time.Second - time.Millisecond, 300, true},
		{60 * time.Second, 0, false},
		{60*time.Second + time.Millisecond, 60, true},
	} {
		cl := claim(bot, vectorKey(), vectorTime.Add(c.skew), 1, "frame")
		p := signature.New(cfg, ring()).Prove(&cl, vectorTime)
		if refused := p.Reason == haechi.ReasonTimestamp; refused != c.refused {
			t.Errorf("skew %v: %+v, want refused %v", c.skew, p, c.refused)
		}
		if p.Skew != c.skew || p.Threshold != c.threshold {
			t.Errorf("skew %v: skew %v threshold %v, want threshold %v", c.skew, p.Skew, p.Threshold, c.threshold)
		}
	}
}

// A stranger's old frame is a wrong signature, not a device with a wrong clock.
func TestClockIsJudgedAfterTheSignature(t *testing.T) {
	c := claim(bot, key("k1", "guess", "guess"), vectorTime.Add(-time.Hour), 1, "frame")
	wantReason(t, signature.New(signature.Config{}, ring()).Prove(&c, vectorTime), haechi.ReasonHMACFailed)
}

func TestTwoKeysDuringRotation(t *testing.T) {
	older, newer := key("k1", "older", "s1"), key("k2", "newer", "s2")
	keys := keyring{bot: {newer, older}}
	v := signature.New(signature.Config{}, keys)
	for i, k := range []haechi.Key{older, newer} {
		c := claim(bot, k, vectorTime, 1, fmt.Sprint(i))
		if p := v.Prove(&c, vectorTime); p.Reason != "" || p.KeyID != k.ID {
			t.Errorf("%s: %+v", k.ID, p)
		}
	}
	if got := v.LastUse(bot, "k1"); !got.Equal(vectorTime) {
		t.Errorf("last use of k1 is %v, want %v", got, vectorTime)
	}
	keys[bot] = []haechi.Key{newer}
	c := claim(bot, older, vectorTime.Add(time.Second), 1, "late")
	wantReason(t, v.Prove(&c, vectorTime), haechi.ReasonHMACFailed)
}

// An id given again to another secret must not verify with the old hash state.
func TestKeyIDGivenAgain(t *testing.T) {
	keys := ring()
	v := signature.New(signature.Config{}, keys)
	c := claim(bot, vectorKey(), vectorTime, 1, "a")
	wantReason(t, v.Prove(&c, vectorTime), "")
	for _, other := range []haechi.Key{key("k1", "another", "example-salt"), key("k1", "example-shared-key-do-not-use", "other")} {
		keys[bot] = []haechi.Key{other}
		c = claim(bot, vectorKey(), vectorTime.Add(time.Second), 1, "b")
		wantReason(t, v.Prove(&c, vectorTime), haechi.ReasonHMACFailed)
		c = claim(bot, other, vectorTime.Add(2*time.Second), 1, "c")
		wantReason(t, v.Prove(&c, vectorTime), "")
	}
}

func TestConcurrentClaimsPassOnce(t *testing.T) {
	keys := keyring{}
	for i := range 8 {
		keys[fmt.Sprintf("bot%d/id", i)] = []haechi.Key{vectorKey()}
	}
	v := signature.New(signature.Config{Reuse: -1}, keys)
	var passed sync.Map
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 400 {
				device := fmt.Sprintf("bot%d/id", i%8)
				c := claim(device, vectorKey(), vectorTime.Add(time.Duration(i)*time.Millisecond), uint64(worker), fmt.Sprint("w", worker))
				p := v.Prove(&c, vectorTime)
				if p.Reason == "" && !p.Duplicate {
					if by, again := passed.LoadOrStore(fmt.Sprint(device, i), worker); again {
						t.Errorf("%s frame %d passed for worker %v and %d", device, i, by, worker)
					}
				}
			}
		})
	}
	wg.Wait()
}

func TestCountersAreNamedOnceAndSecretFree(t *testing.T) {
	v := signature.New(signature.Config{}, ring())
	c := claim(bot, vectorKey(), vectorTime, 1, "frame")
	v.Prove(&c, vectorTime)
	seen := map[string]bool{}
	for _, n := range v.Stats() {
		if seen[n.Name] || !strings.HasPrefix(n.Name, "signature.") {
			t.Errorf("counter %q", n.Name)
		}
		seen[n.Name] = true
	}
	if text := fmt.Sprintf("%v %+v", v.Stats(), v.Prove(&c, vectorTime)); strings.Contains(text, "example") {
		t.Error("key material in what is printed")
	}
}

func stat(t *testing.T, v *signature.Verifier, name string) uint64 {
	t.Helper()
	for _, c := range v.Stats() {
		if c.Name == "signature."+name {
			return c.Value
		}
	}
	t.Fatalf("no counter %q", name)
	return 0
}
