package sensor_test

import (
	"net"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// softflowd keeps flows and exports them in NetFlow version 9 to a socket that is read,
// with room for all of them and IPv6 as well. It ends with the capture; with a control
// socket in some directories it waits for ever, so it gets none.
func softflowd(b *testing.B, bin, path string) (time.Duration, int) {
	sink, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = sink.Close() }()
	go func() {
		buf := make([]byte, 1<<16)
		for err == nil {
			_, _, err = sink.ReadFrom(buf)
		}
	}()
	took, said := peer(b, bin, "-r", path, "-d", "-6", "-m", strconv.Itoa(1<<18), "-v", "9", "-n", sink.LocalAddr().String(),
		"-p", filepath.Join(b.TempDir(), "pid"), "-c", "none")
	return took, number(b, said, "Packets processed:")
}

// ndpi tells protocols of flows. It prints a report, of which it takes the number.
func ndpi(b *testing.B, bin, path string) (time.Duration, int) {
	took, said := peer(b, bin, "-i", path)
	return took, number(b, said, "IP packets:")
}
