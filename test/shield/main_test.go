package shield_test

import (
	"testing"

	"go.uber.org/goleak"

	"haechi/test/gateway"
)

// program is the gateway under test; buildErr says why there is none.
var (
	program  gateway.Program
	buildErr error
)

// TestMain builds the gateway once and looks for goroutines that a test left.
func TestMain(m *testing.M) {
	var remove func()
	program, remove, buildErr = gateway.Build()
	defer remove()
	if m.Run() == 0 {
		if err := goleak.Find(); err != nil {
			panic(err)
		}
	}
}
