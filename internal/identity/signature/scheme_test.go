package signature_test

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"strings"
	"testing"
	"time"

	"haechi"
	"haechi/internal/identity/signature"
)

// The vector of the protocol page for kkobot's own order: another delimiter, the salt
// before the time, chosen by the key.
func TestPublishedVectorOfAnotherOrder(t *testing.T) {
	s := &haechi.Scheme{Digest: -1, Strings: []haechi.SignString{
		{Order: []int{0, 1, 2, 3, 4, 5, haechi.SaltPart}, Delimiter: "|"},
		{Name: "hash", Order: []int{0, 1, 2, haechi.SaltPart, 5}, Delimiter: "#"},
	}}
	k := vectorKey()
	for variant, want := range map[string]string{
		"":     "c3b762c2a87c1a3edfd65e5897dac83686f6cdca4cef1754ce17dc093e1e7829",
		"hash": "74ea7dc54e21465dcdd752f22dc32362ff80e616216dfba3ad56f4e196b29dbe",
	} {
		k.Variant = variant
		c := claim(bot, k, vectorTime, 1, "f")
		c.Scheme, c.Signature = s, []byte(want)
		if p := signature.New(signature.Config{}, keyring{bot: {k}}).Prove(&c, vectorTime); p.Reason != "" {
			t.Errorf("order %q: %+v", variant, p)
		}
		k.Variant = map[string]string{"": "hash", "hash": ""}[variant]
		wantReason(t, signature.New(signature.Config{}, keyring{bot: {k}}).Prove(&c, vectorTime), haechi.ReasonHMACFailed)
	}
}

// schemed makes a claim of three parts and signs it by hand.
func schemed(s *haechi.Scheme, key []byte, text, stamp string) haechi.Claim {
	hashes := map[haechi.Hash]func() hash.Hash{haechi.SHA256: sha256.New, haechi.SHA512: sha512.New, haechi.SHA1: sha1.New, haechi.MD5: md5.New}
	m := hmac.New(hashes[s.Hash], key)
	m.Write([]byte(text))
	sum := m.Sum(nil)
	sig := map[haechi.Encoding]string{haechi.HexLower: hex.EncodeToString(sum), haechi.HexAny: strings.ToUpper(hex.EncodeToString(sum)),
		haechi.Base64: base64.StdEncoding.EncodeToString(sum), haechi.Base64URL: base64.RawURLEncoding.EncodeToString(sum)}[s.Encoding]
	c := haechi.Claim{Device: bot, Session: 1, Scheme: s, N: 3, Timestamp: []byte(stamp), Signature: []byte(s.Prefix + sig), Frame: []byte(text)}
	copy(c.Parts[:], [][]byte{[]byte("one"), []byte("two"), []byte(stamp)})
	return c
}

func TestSchemes(t *testing.T) {
	order := []haechi.SignString{{Order: []int{2, 0, 1}, Delimiter: ":"}}
	pairs := []haechi.SignString{{Order: []int{0, 2, 1}, Labels: []string{"a=", "t=", "z="}, Delimiter: "&"}}
	const ms, sec = "1753412789123", "1753412789"
	for name, tt := range map[string]struct {
		s           haechi.Scheme
		secret      string
		text, stamp string
	}{
		"plain":          {haechi.Scheme{Strings: order}, "k", ms + ":one:two", ms},
		"sha512, base64": {haechi.Scheme{Strings: order, Hash: haechi.SHA512, Encoding: haechi.Base64}, "k", ms + ":one:two", ms},
		"sha1, prefix":   {haechi.Scheme{Strings: order, Hash: haechi.SHA1, Encoding: haechi.HexAny, Prefix: "v0="}, "k", ms + ":one:two", ms},
		"md5, base64url": {haechi.Scheme{Strings: order, Hash: haechi.MD5, Encoding: haechi.Base64URL}, "k", ms + ":one:two", ms},
		"pairs":          {haechi.Scheme{Strings: pairs}, "k", "a=one&t=" + ms + "&z=two", ms},
		"no delimiter":   {haechi.Scheme{Strings: []haechi.SignString{{Order: []int{0, 1, 2}, Ambiguous: true}}}, "k", "onetwo" + ms, ms},
		"seconds":        {haechi.Scheme{Strings: order, Unit: haechi.Seconds}, "k", sec + ":one:two", sec},
		"a layout": {haechi.Scheme{Strings: []haechi.SignString{{Order: []int{2, 0, 1}, Delimiter: "|"}}, Unit: haechi.Layout, Layout: "2006-01-02 15:04:05", Offset: 9 * 3600}, "k",
			"2025-07-25 12:06:29|one|two", "2025-07-25 12:06:29"},
		"a hexadecimal key": {haechi.Scheme{Strings: order, KeyForm: haechi.KeyHex}, "6b6579", ms + ":one:two", ms},
		"a base64 key":      {haechi.Scheme{Strings: order, KeyForm: haechi.KeyBase64}, "a2V5MQ==", ms + ":one:two", ms},
	} {
		t.Run(name, func(t *testing.T) {
			tt.s.Digest = -1
			raw, ok := signature.KeyBytes(tt.s.KeyForm, haechi.Secret(tt.secret))
			if !ok {
				t.Fatal("no key")
			}
			v := signature.New(signature.Config{}, keyring{bot: {key("k1", tt.secret, "")}})
			c := schemed(&tt.s, raw, tt.text, tt.stamp)
			if p := v.Prove(&c, vectorTime); p.Reason != "" {
				t.Errorf("%+v", p)
			}
			bad := schemed(&tt.s, raw, tt.text+"x", tt.stamp)
			wantReason(t, v.Prove(&bad, vectorTime), haechi.ReasonHMACFailed)
			bad = schemed(&tt.s, raw, tt.text, tt.stamp)
			bad.Signature = bad.Signature[1:]
			wantReason(t, v.Prove(&bad, vectorTime), haechi.ReasonHMACFailed)
			late := schemed(&tt.s, raw, tt.text, tt.stamp)
			wantReason(t, v.Prove(&late, vectorTime.Add(301*time.Second)), haechi.ReasonTimestamp)
		})
	}
}

func TestASchemeNarrowsTheClock(t *testing.T) {
	s := &haechi.Scheme{Digest: -1, Strings: []haechi.SignString{{Order: []int{0, 1, 2}, Delimiter: ":"}}, Past: 10 * time.Second, Future: time.Second}
	for after, want := range map[time.Duration]haechi.Reason{10 * time.Second: "", 10001 * time.Millisecond: haechi.ReasonTimestamp,
		-time.Second: "", -1001 * time.Millisecond: haechi.ReasonTimestamp} {
		c := schemed(s, []byte("k"), "one:two:1753412789123", "1753412789123")
		wantReason(t, signature.New(signature.Config{}, keyring{bot: {key("k1", "k", "")}}).Prove(&c, vectorTime.Add(after)), want)
	}
}

// Under a strict scheme a signature belongs to one frame, even on its own connection.
func TestStrict(t *testing.T) {
	s := &haechi.Scheme{Digest: -1, Strict: true, Strings: []haechi.SignString{{Order: []int{0, 1, 2}, Delimiter: ":"}}}
	v := signature.New(signature.Config{}, keyring{bot: {key("k1", "k", "")}})
	c := schemed(s, []byte("k"), "one:two:1753412789123", "1753412789123")
	wantReason(t, v.Prove(&c, vectorTime), "")
	c.Frame = []byte("another")
	wantReason(t, v.Prove(&c, vectorTime), haechi.ReasonReplay)
}

func TestAClaimMayNameItsKey(t *testing.T) {
	old, young := key("k1", "first", ""), key("k2", "second", "")
	s := &haechi.Scheme{Digest: -1, Strings: []haechi.SignString{{Order: []int{0, 1, 2}, Delimiter: ":"}}}
	for id, want := range map[string]haechi.Reason{"k1": "", "k2": haechi.ReasonHMACFailed, "k3": haechi.ReasonHMACFailed, "": ""} {
		c := schemed(s, []byte("first"), "one:two:1753412789123", "1753412789123")
		c.KeyID = []byte(id)
		wantReason(t, signature.New(signature.Config{}, keyring{bot: {old, young}}).Prove(&c, vectorTime), want)
	}
}

// bound is an older claim with one beside it that covers the frame.
func bound(first, second haechi.Key) haechi.Claim {
	c := claim(bot, first, vectorTime, 1, "frame")
	s := &haechi.Scheme{Digest: 0, Strict: true, Strings: []haechi.SignString{{Order: []int{0, 1, 2}, Delimiter: "\n"}}}
	b := schemed(s, second.Secret, "one\ntwo\n1753412789123", "1753412789123")
	c.Bound = &b
	return c
}

func TestBothSignaturesAreOfOneKey(t *testing.T) {
	one, two := vectorKey(), key("k2", "another-key-of-the-device", "salt")
	for _, tt := range []struct {
		c    haechi.Claim
		want haechi.Reason
	}{
		{bound(one, one), ""}, {bound(two, two), ""},
		{bound(one, two), haechi.ReasonHMACFailed}, {bound(two, one), haechi.ReasonHMACFailed},
	} {
		wantReason(t, signature.New(signature.Config{}, keyring{bot: {one, two}}).Prove(&tt.c, vectorTime), tt.want)
	}
	c := bound(one, one)
	c.Bound.KeyID = []byte("k2")
	wantReason(t, signature.New(signature.Config{}, keyring{bot: {one, two}}).Prove(&c, vectorTime), haechi.ReasonHMACFailed)
}

// The second signature is what the memory keeps: frames of one millisecond are told
// apart, and a frame sent again is one.
func TestTheMemoryKeepsTheBoundSignature(t *testing.T) {
	v := signature.New(signature.Config{}, ring())
	c := bound(vectorKey(), vectorKey())
	wantReason(t, v.Prove(&c, vectorTime), "")
	again := bound(vectorKey(), vectorKey())
	if p := v.Prove(&again, vectorTime); !p.Duplicate {
		t.Errorf("%+v", p)
	}
	again.Frame, again.Session = []byte("grafted"), 2
	wantReason(t, v.Prove(&again, vectorTime), haechi.ReasonReplay)
}

func TestTwoSignaturesNotAllocate(t *testing.T) {
	v := signature.New(signature.Config{Capacity: 4}, ring())
	c := bound(vectorKey(), vectorKey())
	v.Prove(&c, vectorTime)
	if n := testing.AllocsPerRun(100, func() { v.Prove(&c, vectorTime) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

type list struct {
	keyring
	admits bool
}

func (l list) Admits(*haechi.Claim) bool { return l.admits }

// One memory serves all sources of keys.
func TestKeysOfAnotherSource(t *testing.T) {
	v := signature.New(signature.Config{}, keyring{})
	c := claim(bot, vectorKey(), vectorTime, 1, "f")
	wantReason(t, v.Prove(&c, vectorTime), haechi.ReasonNoKey)
	wantReason(t, v.With(list{ring(), false}).Prove(&c, vectorTime), haechi.ReasonUnauthorized)
	wantReason(t, v.With(list{ring(), true}).Prove(&c, vectorTime), "")
	c.Frame, c.Session = []byte("grafted"), 2
	wantReason(t, v.With(ring()).Prove(&c, vectorTime), haechi.ReasonReplay)
}
