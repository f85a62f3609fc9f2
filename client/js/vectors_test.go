// Package js_test runs haechi.es5.js in real engines: Rhino, which is what the phones
// have, and Node.
package js_test

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// Both with Java's hashes and with the file's own, every vector that a signer can be
// held against.
func TestVectors(t *testing.T) {
	for _, engine := range [][]string{{"rhino", "-opt", "-1"}, {"node"}} {
		t.Run(engine[0], func(t *testing.T) {
			path, err := exec.LookPath(engine[0])
			if err != nil {
				if os.Getenv("CI") != "" && engine[0] == "rhino" {
					t.Fatal(err)
				}
				t.Skipf("%s is not installed: test/install.sh installs rhino", engine[0])
			}
			ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
			defer stop()
			cmd := exec.CommandContext(ctx, path, append(engine[1:], "check.js", ".", "../../docs/signature-vectors.json")...)
			out, err := cmd.CombinedOutput()
			if err != nil || !strings.Contains(string(out), "wrong: 0") {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}

// Phones have old engines: what is newer than ES5 has no place in the file.
func TestSyntaxIsOld(t *testing.T) {
	b, err := os.ReadFile("haechi.es5.js")
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile(`(?s)/\*.*?\*/|//[^\n]*|"(?:[^"\\\n]|\\.)*"|/(?:[^/\\\n*]|\\.)+/[gimuy]*\.?(?:test|,)`).ReplaceAllString(string(b), " ")
	for what, pattern := range map[string]string{
		"let, const or class": `\b(?:let|const|class|async|await|yield|import|export|of)\b[^(:.]`, "an arrow": `=>`, "a template": "`",
		"a default value": `function[^(]*\([^)]*=`, "rest or spread": `\.\.\.`, "a power": `\*\*`, "a Map or Promise": `\b(?:Map|Set|Promise|Symbol|Proxy)\(`,
		"a newer method": `\.(?:includes|startsWith|endsWith|padStart|repeat|find|assign|from)\(`,
	} {
		if at := regexp.MustCompile(pattern).FindStringIndex(code); at != nil {
			t.Errorf("%s: %q", what, code[max(0, at[0]-20):min(len(code), at[1]+20)])
		}
	}
}
