package gateway

import (
	"flag"
	"strconv"
	"testing"

	"go.uber.org/goleak"
)

// Main is a package's TestMain: it builds the program once, into program or buildErr,
// runs the tests and looks for goroutines that one of them left. So many tests run side
// by side; 0 leaves that to the command line.
func Main(m *testing.M, parallel int, program *Program, buildErr *error) {
	var remove func()
	*program, remove, *buildErr = Build()
	defer remove()
	flag.Parse()
	if parallel > 0 {
		if err := flag.Set("test.parallel", strconv.Itoa(parallel)); err != nil {
			panic(err)
		}
	}
	if m.Run() == 0 {
		if err := left(); err != nil {
			panic(err)
		}
	}
}

// left is which goroutines are left, once they had the time to end on a busy machine:
// goleak itself waits for half a second.
func left() (err error) {
	for range 20 {
		if err = goleak.Find(); err == nil {
			return nil
		}
	}
	return err
}
