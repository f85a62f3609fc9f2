// Package python_test runs the Python files of this folder, so that they hold what
// docs/signature.md says.
package python_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// python finds the interpreter. CI has one; elsewhere the test says that it skips.
func python(t *testing.T) string {
	t.Helper()
	path, err := exec.LookPath("python3")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip("python3 is not installed")
	}
	return path
}

// A verifier that was written from the page alone agrees with every vector, and the
// sample device makes the frames that the vectors have.
func TestVectors(t *testing.T) {
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	cmd := exec.CommandContext(ctx, python(t), "-B", "haechi_verify.py", "../../docs/signature-vectors.json")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "wrong: []") {
		t.Errorf("%v: %s", err, out)
	}
}

// The sample is promised to be short.
func TestSampleIsShort(t *testing.T) {
	b, err := os.ReadFile("haechi_device.py")
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(b), "\n"); n > 60 {
		t.Errorf("%d lines", n)
	}
}
