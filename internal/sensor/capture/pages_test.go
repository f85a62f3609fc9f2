package capture_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"haechi"
	"haechi/internal/sensor/capture"
)

// long is a capture of so many frames of a kilobyte, each with its number.
func long(t testing.TB, frames int) []byte {
	t.Helper()
	all := make([]string, frames)
	for i := range all {
		b := bytes.Repeat([]byte{byte(i)}, 1000+i%500)
		all[i] = string(b)
	}
	return pcap(t, all...)
}

func onDisk(t testing.TB, b []byte) *os.File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "capture")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func openFile(t testing.TB, f *os.File, passed func(int64)) *capture.File {
	t.Helper()
	c, err := capture.OpenFile(f, passed)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// rest reads to the end, and looks at every byte.
func rest(c *capture.File, each func(n int, f *capture.Frame)) (n int, err error) {
	frames := make([]capture.Frame, 7)
	sum := 0
	err = c.Guard(func() error {
		for {
			got, err := c.Batch(frames)
			if err != nil {
				return err
			}
			for i := range frames[:got] {
				if each != nil {
					each(n, &frames[i])
				}
				for _, b := range frames[i].Bytes {
					sum += int(b)
				}
				n++
			}
		}
	})
	return n, err
}

func TestMappedFilesAreWhatIsRead(t *testing.T) {
	whole := long(t, 12000) // several windows, and lanes that begin within frames
	for name, b := range map[string][]byte{"pcap": whole, "pcapng": pcapng(t, "one", "two", "three"), "cut": whole[:len(whole)-100], "head": whole[:24]} {
		total := int64(0)
		mapped := openFile(t, onDisk(t, b), func(n int64) { total += n })
		stream, err := capture.Open(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		var want capture.Frame
		n, err := rest(mapped, func(n int, f *capture.Frame) {
			if err := stream.Next(&want); err != nil || !bytes.Equal(f.Bytes, want.Bytes) || f.Time != want.Time || f.Wire != want.Wire || f.Link != want.Link {
				t.Fatalf("%s: frame %d is %d bytes at %d, not %d at %d: %v", name, n, len(f.Bytes), f.Time, len(want.Bytes), want.Time, err)
			}
		})
		if end := stream.Next(&want); !errors.Is(err, io.EOF) || !errors.Is(end, io.EOF) || mapped.Cut() != stream.Cut() || total != int64(len(b)) {
			t.Errorf("%s: %d frames, then %v and %v, cut %v, %d of %d bytes", name, n, err, end, mapped.Cut(), total, len(b))
		}
	}
}

// A file that another program cuts ends where it is cut, if that is ahead of the window.
func TestFileIsCutAhead(t *testing.T) {
	whole := long(t, 12000)
	f := onDisk(t, whole)
	c := openFile(t, f, func(int64) {})
	n, err := rest(c, func(n int, _ *capture.Frame) {
		if n == 10 {
			if err := f.Truncate(9 << 20); err != nil {
				t.Fatal(err)
			}
		}
	})
	stream, openErr := capture.Open(bytes.NewReader(whole[:9<<20]))
	if openErr != nil {
		t.Fatal(openErr)
	}
	want, _ := rest(stream, nil)
	if n != want || !errors.Is(err, io.EOF) || !c.Cut() {
		t.Errorf("%d frames of %d, %v, cut %v", n, want, err, c.Cut())
	}
}

// Under the window it is an error, not the end of the process.
func TestFileIsCutUnderTheReader(t *testing.T) {
	for _, to := range []int64{100 << 10, 0} {
		f := onDisk(t, long(t, 12000))
		c := openFile(t, f, func(int64) {})
		n, err := rest(c, func(n int, _ *capture.Frame) {
			if n == 10 {
				if err := f.Truncate(to); err != nil {
					t.Fatal(err)
				}
			}
		})
		if n < 10 || n > 4000 || haechi.KindOf(err) != haechi.Invalid {
			t.Errorf("cut to %d: %d frames, %v", to, n, err)
		}
	}
}

// Behind the reader, before it turns to the next window.
func TestFileIsCutBehind(t *testing.T) {
	f := onDisk(t, long(t, 12000))
	c := openFile(t, f, func(int64) {})
	const last = 4<<20/1316 + 1 // reading no bytes of frames until the window's end
	var frame capture.Frame
	err := c.Guard(func() error {
		for n := 0; ; n++ {
			if err := c.Next(&frame); err != nil {
				return err
			}
			if n == last-300 {
				if err := f.Truncate(0); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
	if haechi.KindOf(err) != haechi.Invalid {
		t.Errorf("%v", err)
	}
}

// Only faults of the file are caught.
func TestGuardLetsOtherPanicsPass(t *testing.T) {
	c := openFile(t, onDisk(t, long(t, 10)), func(int64) {})
	defer func() {
		if r := recover(); r != "other" {
			t.Errorf("recovered %v", r)
		}
	}()
	_ = c.Guard(func() error { panic("other") })
}

// FuzzMapped: a mapped file has the frames of one that is read, and ends like it.
func FuzzMapped(f *testing.F) {
	f.Add(pcap(f, "one", "two"))
	f.Add(long(f, 60)) // several lanes
	f.Fuzz(func(t *testing.T, b []byte) {
		stream, err := capture.Open(bytes.NewReader(b))
		fd, memErr := unix.MemfdCreate("capture", unix.MFD_CLOEXEC)
		if memErr != nil {
			t.Fatal(memErr)
		}
		file := os.NewFile(uintptr(fd), "capture")
		defer func() { _ = file.Close() }()
		if _, err := file.Write(b); err != nil {
			t.Fatal(err)
		}
		if _, err := file.Seek(0, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		mapped, mapErr := capture.OpenFile(file, func(int64) {})
		if (err == nil) != (mapErr == nil) {
			t.Fatalf("read: %v, mapped: %v", err, mapErr)
		}
		if err != nil {
			return
		}
		defer func() { _ = mapped.Close() }()
		var want, got capture.Frame
		for {
			err, mapErr := stream.Next(&want), mapped.Next(&got)
			if (err == nil) != (mapErr == nil) || stream.Cut() != mapped.Cut() {
				t.Fatalf("read: %v, mapped: %v", err, mapErr)
			}
			if err != nil {
				return
			}
			if !bytes.Equal(want.Bytes, got.Bytes) || want.Time != got.Time || want.Wire != got.Wire {
				t.Fatalf("%d bytes at %d, not %d at %d", len(got.Bytes), got.Time, len(want.Bytes), want.Time)
			}
		}
	})
}
