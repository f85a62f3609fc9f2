package xdp

import (
	"bytes"
	"context"
	_ "embed" // the compiled program
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/rlimit"
	"golang.org/x/sys/unix"

	"haechi"
)

// object is bpf/shield.c, compiled by bpf/build.sh.
//
//go:generate bpf/build.sh
//go:embed bpf/shield.o
var object []byte

// tables are the maps and the program of the object.
type tables struct {
	Program *ebpf.Program `ebpf:"haechi_shield"`
	Asks    *ebpf.Program `ebpf:"haechi_asks"`
	Control *ebpf.Map     `ebpf:"haechi_control"`
	Kept4   *ebpf.Map     `ebpf:"haechi_kept4"`
	Kept6   *ebpf.Map     `ebpf:"haechi_kept6"`
	Held4   *ebpf.Map     `ebpf:"haechi_held4"`
	Held6   *ebpf.Map     `ebpf:"haechi_held6"`
	Hint4   *ebpf.Map     `ebpf:"haechi_hint4"`
	Hint6   *ebpf.Map     `ebpf:"haechi_hint6"`
	List    *ebpf.Map     `ebpf:"haechi_list"`
	Dropped *ebpf.Map     `ebpf:"haechi_dropped"`
	Listed  *ebpf.Map     `ebpf:"haechi_listed"`
	Came    *ebpf.Map     `ebpf:"haechi_came"`
	Meters  *ebpf.Map     `ebpf:"haechi_meters"`
	Meter   *ebpf.Map     `ebpf:"haechi_meter"`
	Known   *ebpf.Map     `ebpf:"haechi_known"`
	Crowd   *ebpf.Map     `ebpf:"haechi_crowd"`
	Asked   *ebpf.Map     `ebpf:"haechi_asked"`
	Top     *ebpf.Map     `ebpf:"haechi_top"`
}

// pins are the maps by the names of their pins.
func (t *tables) pins() map[string]*ebpf.Map {
	return map[string]*ebpf.Map{"haechi_control": t.Control, "haechi_kept4": t.Kept4, "haechi_kept6": t.Kept6, "haechi_held4": t.Held4,
		"haechi_held6": t.Held6, "haechi_hint4": t.Hint4, "haechi_hint6": t.Hint6, "haechi_list": t.List, "haechi_dropped": t.Dropped, "haechi_listed": t.Listed, "haechi_came": t.Came, "haechi_meters": t.Meters, "haechi_meter": t.Meter, "haechi_asked": t.Asked, "haechi_top": t.Top,
		"haechi_known": t.Known, "haechi_crowd": t.Crowd}
}

func (t *tables) close() error {
	errs := []error{t.Program.Close(), t.Asks.Close()}
	for _, m := range t.pins() {
		errs = append(errs, m.Close())
	}
	return errors.Join(errs...)
}

// load loads the program with the tables that are pinned in the folder, or with new ones,
// which it pins there. Tables of another form, of another version, are taken away.
func load(dir string) (*tables, error) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		return nil, failed("load the XDP program", ebpf.ErrNotSupported)
	}
	if err := makeFolder(dir); err != nil {
		return nil, err
	}
	if err := rlimit.RemoveMemlock(); err != nil { // kernels before 5.11 count memory against it
		return nil, failed("load the XDP program", err)
	}
	spec, err := ebpf.LoadCollectionSpecFromReader(bytes.NewReader(object))
	if err != nil {
		return nil, failed("load the XDP program", err)
	}
	if err := knowsCookies(spec); err != nil {
		return nil, err
	}
	t := &tables{}
	opts := &ebpf.CollectionOptions{Maps: ebpf.MapOptions{PinPath: dir}}
	err = spec.LoadAndAssign(t, opts)
	if errors.Is(err, ebpf.ErrMapIncompatible) {
		if err := unpin(dir); err != nil {
			return nil, failed("take tables of another version away", err)
		}
		err = spec.LoadAndAssign(t, opts)
	}
	if err != nil {
		return nil, failed("load the XDP program", err)
	}
	return t, nil
}

// bpfFS is the number of a BPF file system, of linux/magic.h.
const bpfFS = 0xcafe4a11

const folderOp = "make the folder for the XDP program"

// makeFolder makes the folder in which tables and programs outlive the process.
func makeFolder(dir string) error {
	if err := checkFolder(dir); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return failed(folderOp, err)
	}
	return nil
}

// checkFolder says why it cannot be made, if so.
func checkFolder(dir string) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(dir), &fs); err != nil {
		return failed(folderOp, err)
	}
	if fs.Type != bpfFS {
		return &haechi.Error{Kind: haechi.Unavailable, Op: folderOp, Msg: filepath.Dir(dir) + " is no BPF file system",
			Hint: "mount -t bpf bpf " + filepath.Dir(dir)}
	}
	return nil
}

// unpin takes the pins of the tables away. The program goes on with what it has.
func unpin(dir string) error {
	var errs []error
	for name := range new(tables).pins() {
		errs = append(errs, gone(os.Remove(filepath.Join(dir, name))))
	}
	return errors.Join(errs...)
}

// pinned reports whether each table is pinned in its place.
func (t *tables) pinned(dir string) (bool, error) {
	for name, m := range t.pins() {
		if ok, err := pinnedAs(m, filepath.Join(dir, name)); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

// pinnedAs reports whether the table, and no other, is pinned there.
func pinnedAs(m *ebpf.Map, path string) (bool, error) {
	own, err := mapID(m)
	if err != nil {
		return false, err
	}
	found, err := ebpf.LoadPinnedMap(path, nil)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, failed("read pinned tables", err)
	}
	id, err := mapID(found)
	return id == own, errors.Join(err, found.Close())
}

// pin pins every table in its place again.
func (t *tables) pin(dir string) error {
	if err := makeFolder(dir); err != nil {
		return err
	}
	if err := unpin(dir); err != nil {
		return failed("pin tables", err)
	}
	for name, m := range t.pins() {
		if err := m.Unpin(); err != nil { // what it believed of its place
			return failed("pin tables", err)
		}
		if err := m.Pin(filepath.Join(dir, name)); err != nil {
			return failed("pin tables", err)
		}
	}
	return nil
}

func mapID(m *ebpf.Map) (ebpf.MapID, error) {
	info, err := m.Info()
	if err != nil {
		return 0, failed("read a table", err)
	}
	id, ok := info.ID()
	if !ok {
		return 0, failed("read a table", errors.New("it has no number"))
	}
	return id, nil
}

// failed says what an operator can do about an error of the kernel's.
func failed(op string, err error) error {
	out := &haechi.Error{Kind: haechi.Unavailable, Op: op, Err: err, Hint: "XDP with fragments needs Linux 5.18, and a driver or the generic hook"}
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		out.Kind, out.Hint = haechi.Denied, "run haechi as root, or give it CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN"
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		out.Hint = ""
	case errors.Is(err, unix.E2BIG), errors.Is(err, unix.ENOSPC):
		out.Kind, out.Hint = haechi.Exhausted, "lift some decisions, or decide about prefixes"
	}
	return out
}

// sinceBoot is the kernel's clock by which decisions end.
func sinceBoot() (time.Duration, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts); err != nil {
		return 0, fmt.Errorf("read the kernel's clock: %w", err)
	}
	return time.Duration(ts.Nano()), nil
}
