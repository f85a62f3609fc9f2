package console

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"haechi"
)

// These tests reach the internals: the cost bounds and the tables have no face.

func TestPasswordRoundTrip(t *testing.T) {
	h := newHasher()
	kept, err := h.make(t.Context(), "비밀번호는 아주 길게")
	if err != nil || !strings.HasPrefix(kept, "$argon2id$v=19$m=65536,t=3,p=2$") {
		t.Fatalf("%q, %v", kept, err)
	}
	other, err := h.make(t.Context(), "비밀번호는 아주 길게")
	if err != nil || other == kept {
		t.Error("no salt")
	}
	for try, wanted := range map[string]bool{"비밀번호는 아주 길게": true, "비밀번호는 아주 길": false, "": false} {
		if ok, err := h.check(t.Context(), try, kept); ok != wanted || err != nil {
			t.Errorf("%q: %v, %v", try, ok, err)
		}
	}
	if ok, err := h.check(t.Context(), "anything", ""); ok || err != nil {
		t.Errorf("an unknown name: %v, %v", ok, err)
	}
}

func TestDamagedHashIsRefused(t *testing.T) {
	h := &hasher{slots: make(chan struct{}, 1)}
	good := "$argon2id$v=19$m=65536,t=3,p=2$c2FsdHNhbHRzYWx0$c3Vtc3Vtc3Vtc3Vtc3Vtc3Vt"
	if _, err := parsePHC(good); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"x", "$argon2i$v=19$m=65536,t=3,p=2$c2FsdHNhbHQ$c3VtcyE", strings.Replace(good, "v=19", "v=18", 1),
		strings.Replace(good, "m=65536", "m=4294967295", 1), strings.Replace(good, "t=3", "t=0", 1), strings.Replace(good, "p=2", "p=99", 1),
		strings.Replace(good, "c3Vtc3Vtc3Vtc3Vtc3Vtc3Vt", "c3U", 1), strings.Replace(good, "c2Fs", "!!!!", 1), good + "$x"} {
		if ok, err := h.check(t.Context(), "x", bad); ok || err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// TestHashesAreBounded: beyond those under way and waiting, a login is refused.
func TestHashesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &hasher{slots: make(chan struct{}, 1)}
		h.slots <- struct{}{}
		ctx, cancel := context.WithCancel(t.Context())
		errs := make(chan error, hashesWaiting)
		for range hashesWaiting {
			go func() { errs <- h.enter(ctx) }()
		}
		synctest.Wait()
		if err := h.enter(ctx); haechi.KindOf(err) != haechi.Exhausted {
			t.Errorf("one too many: %v", err)
		}
		cancel()
		for range hashesWaiting {
			if err := <-errs; haechi.KindOf(err) != haechi.Unavailable {
				t.Errorf("a waiter whose client left: %v", err)
			}
		}
	})
}

func TestAttempts(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	a := newAttempts(2, time.Minute)
	one, two := netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("2001:db8::/64")
	for i, ok := range []bool{true, true, false, false} {
		if _, got := a.charge(one, now); got != ok {
			t.Errorf("attempt %d: %v", i+1, got)
		}
	}
	if _, ok := a.charge(two, now); !ok {
		t.Error("another client is refused")
	}
	a.refund(one, now)
	if _, ok := a.charge(one, now); !ok {
		t.Error("a refund is not given")
	}
	if wait, ok := a.charge(one, now.Add(59*time.Second)); ok || wait != time.Second {
		t.Errorf("wait %v, %v", wait, ok)
	}
	if _, ok := a.charge(one, now.Add(time.Minute)); !ok {
		t.Error("an old failure still counts")
	}
}

// TestAttemptsAreBounded: clients beyond the bound share one entry, and old ones
// make room.
func TestAttemptsAreBounded(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	a := newAttempts(2, time.Minute)
	client := func(i int) netip.Prefix {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 32)
	}
	refused := 0
	for i := range maxClients + 100 {
		if _, ok := a.charge(client(i), now); !ok {
			refused++
		}
	}
	if len(a.recent) > maxClients+1 || refused != 98 {
		t.Errorf("%d entries, %d refused", len(a.recent), refused)
	}
	if _, ok := a.charge(client(maxClients+500), now.Add(time.Hour)); !ok || len(a.recent) > 1 {
		t.Errorf("old entries stay: %d", len(a.recent))
	}
}

func TestLocalPath(t *testing.T) {
	for in, wanted := range map[string]string{"/devices?x=1": "/devices?x=1", "": "/", "//evil": "/", "/\\evil": "/", "https://evil": "/",
		"javascript:alert(1)": "/", "/a\r\nb": "/", "devices": "/", "/%": "/"} {
		if got := localPath(in); got != wanted {
			t.Errorf("localPath(%q) = %q", in, got)
		}
	}
}

func TestClean(t *testing.T) {
	if got := clean("a\x1b[31m\u202eb\xff\u2066c"); strings.ContainsAny(got, "\x1b\u202e\u2066") || !strings.HasPrefix(got, "a") {
		t.Errorf("clean = %q", got)
	}
	if got := clean(strings.Repeat("가", 500)); len(got) > maxPart+4 || !strings.HasSuffix(got, "가…") {
		t.Errorf("clean is %d long: %q", len(got), got[len(got)-9:])
	}
	if got := clean("우리 가족방 👍🏽"); got != "우리 가족방 👍🏽" {
		t.Errorf("clean = %q", got)
	}
}
