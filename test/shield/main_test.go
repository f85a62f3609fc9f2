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

func TestMain(m *testing.M) { gateway.Main(m, 0, &program, &buildErr) }
