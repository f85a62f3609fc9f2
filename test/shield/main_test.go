package shield_test

import (
	"testing"

	"haechi/test/gateway"
)

// program is the gateway under test; buildErr says why there is none.
var (
	program  gateway.Program
	buildErr error
)

// The tests wait more than they work, so more run at once than there are processors.
func TestMain(m *testing.M) { gateway.Main(m, 3, &program, &buildErr) }
