package confine_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"haechi/internal/brick/confine"
)

// rig is the program of testdata/probe, and the folders that it is told.
type rig struct{ probe, readable, writable, forbidden string }

func newRig(t *testing.T, cgo string) rig {
	t.Helper()
	dir := t.TempDir()
	r := rig{filepath.Join(dir, "probe"), filepath.Join(dir, "r"), filepath.Join(dir, "w"), filepath.Join(dir, "secret")}
	for _, name := range []string{r.readable, r.writable} {
		if err := os.Mkdir(name, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{r.forbidden, filepath.Join(r.readable, "file")} {
		if err := os.WriteFile(name, []byte("text"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"build", "-o", r.probe, "./testdata/probe"}
	if cgo == "1" { // with cgo the tests themselves are compiled for the race detector, and the library with them
		args = slices.Insert(args, 1, "-race")
	}
	build := exec.Command("go", args...)
	build.Env = append(os.Environ(), "CGO_ENABLED="+cgo)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return r
}

type answer struct {
	Layers map[string]string
	Held   map[string]confine.Held
	Tries  map[string]map[string]string
	Status map[string]string
}

func (r rig) run(t *testing.T, under ...string) (a answer) {
	t.Helper()
	all := append(under, r.probe, r.readable, r.writable, r.forbidden)
	out, err := exec.Command(all[0], all[1:]...).Output()
	if err == nil {
		err = json.Unmarshal(out, &a)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return a
}

// TestConfined: as root, on a thread that was there before and on a later one, what is
// allowed goes on and all else fails, each by the layer that it is for.
func TestConfined(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root; CI is root")
	}
	a := newRig(t, "0").run(t)
	for name, held := range a.Held {
		if held != confine.Yes {
			t.Errorf("%s does not hold: %s", name, a.Layers[name])
		}
	}
	want := map[string]string{
		"read": "", "read proc": "", "write": "", "remove": "", "addresses": "", "netlink": "", "move": "",
		"read forbidden": "permission denied", "write readable": "permission denied", "remove forbidden": "permission denied", "link": "permission denied",
		"execve": "operation not permitted", "ptrace": "operation not permitted", "mount": "operation not permitted", "unshare": "operation not permitted",
		"clone": "operation not permitted", "keyctl": "operation not permitted", "module": "operation not permitted",
		"tcp": "address family not supported", "child": "not permitted",
		"inet": "address family not supported", "chown": "operation not permitted", "setuid": "operation not permitted",
	}
	a.compare(t, want)
	const netAdmin = "0000000000001000"
	for name, w := range map[string]string{"NoNewPrivs": "1", "Seccomp": "2", "CapInh": "0000000000000000", "CapPrm": netAdmin, "CapEff": netAdmin, "CapBnd": netAdmin, "CapAmb": "0000000000000000"} {
		if a.Status[name] != w {
			t.Errorf("%s: %s", name, a.Status[name])
		}
	}
}

// compare compares what each thread could.
func (a *answer) compare(t *testing.T, want map[string]string) {
	t.Helper()
	for thread, tries := range a.Tries {
		if len(tries) != len(want) {
			t.Errorf("%s: %d tries", thread, len(tries))
		}
		for what, err := range tries {
			if w := want[what]; w == "" && err != "" || !strings.Contains(err, w) {
				t.Errorf("%s thread, %s: %q, not %q", thread, what, err, w)
			}
		}
	}
}

// TestServing: a process that serves reads what its user may, writes in its own folder alone,
// speaks TCP and starts nothing; one that starts programs keeps its files and is filtered
// still.
func TestServing(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root; CI is root")
	}
	r := newRig(t, "0")
	const no, denied = "operation not permitted", "permission denied"
	serves := map[string]string{
		"read": "", "read proc": "", "write": "", "remove": "", "move": "", "tcp": "", "inet": "", "read forbidden": "",
		"write readable": denied, "remove forbidden": denied, "link": denied, "execve": no, "child": "not permitted", "netlink": "address family not supported", "addresses": "address family not supported",
		"ptrace": no, "mount": no, "unshare": no, "clone": no, "keyctl": no, "module": no, "chown": no, "setuid": no,
	}
	t.Setenv("PROBE", "serves")
	a := r.run(t)
	a.compare(t, serves)
	if len(a.Held) != 3 || a.Held["landlock"] != confine.Yes || a.Held["capabilities"] != confine.Yes || a.Held["seccomp"] != confine.Yes {
		t.Errorf("%v", a.Layers)
	}
	t.Setenv("PROBE", "starts")
	a = r.run(t)
	if _, ok := a.Held["landlock"]; ok || a.Held["bounding set"] != confine.Yes || a.Status["NoNewPrivs"] != "1" {
		t.Errorf("%v, %v", a.Layers, a.Status)
	}
	for thread, tries := range a.Tries {
		if tries["child"] != "" || tries["tcp"] != "" || tries["ptrace"] != no || tries["unshare"] != no {
			t.Errorf("%s: %v", thread, tries)
		}
	}
}

// TestOneLayerMissing: what cannot be had is told, and keeps nothing else back.
func TestOneLayerMissing(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root; CI is root")
	}
	a := newRig(t, "0").run(t, "setpriv", "--inh-caps=-all", "--bounding-set=-setpcap")
	for name, held := range a.Held {
		if (held == confine.No) != (name == "bounding set") || held == confine.Unknown {
			t.Errorf("%s: %v %s", name, held, a.Layers[name])
		}
	}
	if a.Status["CapEff"] != "0000000000001000" || a.Status["Seccomp"] != "2" || a.Tries["new"]["read forbidden"] == "" {
		t.Errorf("%v, %v", a.Status, a.Tries)
	}
}

// TestWithCgo: where the runtime does not know all threads, system calls are filtered all
// the same, and the other layers are said to be missing.
func TestWithCgo(t *testing.T) {
	if _, err := exec.LookPath("gcc"); err != nil {
		t.Skip("no C compiler")
	}
	a := newRig(t, "1").run(t)
	for name, held := range a.Held {
		if want := confine.No; name != "seccomp" && (held != want || !strings.Contains(a.Layers[name], "CGO_ENABLED=0")) {
			t.Errorf("%s: %v %s", name, held, a.Layers[name])
		}
	}
	if a.Held["seccomp"] != confine.Yes || a.Status["NoNewPrivs"] != "1" || !strings.Contains(a.Tries["old"]["execve"], "not permitted") || !strings.Contains(a.Tries["new"]["execve"], "not permitted") {
		t.Errorf("%v %v", a.Status, a.Tries)
	}
}
