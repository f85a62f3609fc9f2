package acme

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mholt/acmez/v3/acme"
)

// TestHook: the command gets what the contract says and nothing more, and what it says
// when it fails is repeated, but not all of it.
func TestHook(t *testing.T) {
	dir := t.TempDir()
	path, told := filepath.Join(dir, "hook"), filepath.Join(dir, "told")
	script := "#!/bin/sh\n[ -z \"$SECRET_OF_THE_GATEWAY\" ] || exit 9\n[ \"$1\" != present ] || { echo \"$@\" > " + told + "; exit 0; }\nyes no | head -c 100000; exit 3\n"
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SECRET_OF_THE_GATEWAY", "x")
	c := acme.Challenge{Type: "dns-01", KeyAuthorization: "token.thumbprint", Identifier: acme.Identifier{Type: "dns", Value: "shop.test"}}
	h := hook{command: path}
	if err := h.Present(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(told)
	if want := "present _acme-challenge.shop.test " + c.DNS01KeyAuthorization() + "\n"; err != nil || string(text) != want {
		t.Errorf("told %q, want %q: %v", text, want, err)
	}
	err = h.CleanUp(t.Context(), c)
	if err == nil || !strings.Contains(err.Error(), "exit status 3") || len(err.Error()) > 2*hookOutput+200 {
		t.Errorf("failed with %v", err)
	}
}
