package defaultpair_test

import (
	"strings"
	"testing"

	"haechi/internal/brick/defaultpair"
)

func TestPairsAreOnTheirLists(t *testing.T) {
	for pair, want := range map[string]string{
		"admin/admin": "mirai", "admin/password": "mirai", "root/12345": "mirai", "admin/123456": "mirai", // row B10
		"root/xc3511": "mirai", "root/": "mirai", "ubnt/ubnt": "mirai", "guest/12345": "mirai", "666666/666666": "mirai",
		"pi/raspberry": "vendor", "root/calvin": "vendor", "ADMIN/ADMIN": "vendor",
		"admin/Admin": "", "Root/root": "", "root/xc35111": "", "/": "", "user/": "", "ann/ann": "", "666666/888888": "", "support/root": "",
		"anonymous/": "", "ftp/me@example.com": "",
	} {
		user, password, _ := strings.Cut(pair, "/")
		if got := defaultpair.Of([]byte(user), []byte(password)); got != want {
			t.Errorf("%s: on %q, want %q", pair, got, want)
		}
	}
}

func TestAskingAllocatesNothing(t *testing.T) {
	user, password := []byte("root"), []byte("no such password")
	if n := testing.AllocsPerRun(100, func() { defaultpair.Of(user, password) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// Only whole pairs are known, and never one whose halves were cut elsewhere.
func FuzzOf(f *testing.F) {
	f.Add("root", "12345")
	f.Add("root1", "2345")
	f.Fuzz(func(t *testing.T, user, password string) {
		got := defaultpair.Of([]byte(user), []byte(password))
		if got == "" {
			return
		}
		if len(user) == 0 || len(user) > 13 || len(password) > 12 {
			t.Fatalf("%q %q is on %s", user, password, got)
		}
		if defaultpair.Of([]byte(user+"x"), []byte(password)) != "" || defaultpair.Of([]byte(user), []byte(password+"\x00")) != "" {
			t.Fatalf("%q %q is known longer", user, password)
		}
	})
}
