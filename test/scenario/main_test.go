package scenario_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"
)

// binary is the gateway under test; buildErr says why there is none.
var (
	binary   string
	buildErr error
)

// TestMain builds the gateway once and looks for goroutines that a test left.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "haechi-scenario-")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "haechi")
	if out, err := exec.Command("go", "build", raceFlag, "-o", binary, "haechi/cmd/haechi").CombinedOutput(); err != nil {
		buildErr = fmt.Errorf("build the gateway: %w\n%s", err, out)
	}
	flag.Parse()
	if err := flag.Set("test.parallel", "4"); err != nil { // they wait more than they work
		panic(err)
	}
	if m.Run() == 0 {
		if err := goleak.Find(); err != nil {
			panic(err)
		}
	}
}
