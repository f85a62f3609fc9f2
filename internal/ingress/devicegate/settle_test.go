package devicegate_test

import (
	"io"
	"net"
	"testing"
	"testing/synctest"

	"haechi/internal/ingress/devicegate"
)

// The error frame waits while the upstream's last bytes are being written. The end
// of the connection has to wait for both, or the device is never told why.
func TestLastWordIsOutBeforeTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		d := devicegate.NewDeviceWriter(near)
		go func() { _ = d.Write("from the upstream\n") }()
		synctest.Wait() // it is being written, and nobody reads yet
		d.Tell("refused\n")
		go func() {
			d.Settle()
			_ = near.Close()
		}()
		heard, err := io.ReadAll(far)
		if err != nil || string(heard) != "from the upstream\nrefused\n" {
			t.Errorf("heard %q, %v", heard, err)
		}
	})
}
