package fail2ban_test

import (
	"testing"

	"haechi/test/gateway"
)

// program is the gateway under test, built once.
var (
	program  gateway.Program
	buildErr error
)

func TestMain(m *testing.M) { gateway.Main(m, 0, &program, &buildErr) }
