package app_test

import (
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"haechi"
	"haechi/internal/app"
	"haechi/internal/config"
	"haechi/internal/operate/replay"
	"haechi/internal/operate/simulate"
	shipped "haechi/rules"
)

// findings makes the scenario's capture and runs it through the rules as they are
// shipped, as `haechi replay` does.
func findings(t *testing.T, s *simulate.Scenario, seed uint64) []haechi.Finding {
	t.Helper()
	file := filepath.Join(t.TempDir(), s.Name+".pcap")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write(f, simulate.Config{Seed: seed}); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := app.NewReplay(config.Defaults())
	if err != nil {
		t.Fatal(err)
	}
	var out []haechi.Finding
	if err := r.File(t.Context(), file, nil, func(f *replay.Found) { out = append(out, f.Finding) }, nil); err != nil {
		t.Fatal(err)
	}
	return out
}

// incidents are what each incident was told of last, in the order of their begin.
func incidents(all []haechi.Finding) (out []haechi.Finding) {
	for _, f := range all {
		if i := slices.IndexFunc(out, func(o haechi.Finding) bool { return o.Incident == f.Incident }); i < 0 {
			out = append(out, f)
		} else {
			out[i] = f
		}
	}
	return out
}

// told is an incident as a scenario promises it; what it says nothing of is left out.
func told(detector string, source, target netip.Addr) string {
	return fmt.Sprintf("%s of %v at %v", detector, source, target)
}

// TestScenariosGiveWhatTheySay: each scenario gives exactly its incidents, the honest ones
// none, whatever the seed varies.
func TestScenariosGiveWhatTheySay(t *testing.T) {
	for _, s := range simulate.Scenarios() {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			seeds := uint64(2)
			if s.Name == "unusual" {
				seeds = 1 // twelve days take as long as all others together
			}
			for seed := range seeds {
				gives(t, &s, incidents(findings(t, &s, seed)))
			}
		})
	}
}

func gives(t *testing.T, s *simulate.Scenario, found []haechi.Finding) {
	t.Helper()
	var want, got []string
	for _, i := range s.Gives {
		want = append(want, told(i.Detector, i.Source, i.Target))
	}
	for n, f := range found {
		target := f.Target.Addr()
		if n < len(s.Gives) && !s.Gives[n].Target.IsValid() {
			target = netip.Addr{}
		}
		source := f.Addr
		if n < len(s.Gives) && !s.Gives[n].Source.IsValid() && f.About.Kind == haechi.ScopeService {
			source = netip.Addr{} // it is about the target
		}
		got = append(got, told(f.Detector, source, target))
	}
	if !slices.Equal(got, want) {
		t.Errorf("gave\n\t%s\nand not\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// TestTheDocumentsSimulations: B113 is three incidents that begin and end, with the
// document's numbers in them, and B56 is one; the normal traffic in them is none.
func TestTheDocumentsSimulations(t *testing.T) {
	s, ok := simulate.Find("document-network")
	if !ok {
		t.Fatal("no simulation of row B113")
	}
	all := findings(t, &s, 0)
	var got []string
	for _, f := range incidents(all) {
		got = append(got, fmt.Sprintf("%s %v %v over=%v %v=%v", f.Detector, f.Severity, f.Addr, f.Over, f.Reasons[0].Name, f.Reasons[0].Value))
	}
	want := []string{
		"port_scan high 10.0.0.1 over=true contacts=15",
		"brute_force high 203.0.113.50 over=true failures=10",
		"lateral_movement medium 192.168.1.150 over=true hosts=6", // told at the sixth, and again at the twelfth
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s", strings.Join(got, "\n"))
	}
	if s, ok = simulate.Find("document-flood"); !ok {
		t.Fatal("no simulation of row B56")
	}
	flood := incidents(findings(t, &s, 0))
	if len(flood) != 1 || flood[0].Detector != "http_flood" || flood[0].Client.IsValid() || flood[0].Observed < 1000 || flood[0].Severity != haechi.High {
		t.Errorf("%+v", flood)
	}
}

// uncaptured are detectors of what the kernel counts and of what other sensors alert
// about, which no capture holds.
func uncaptured(detector string) bool {
	return detector == "bandwidth" || detector == "foreign_alert" || strings.HasPrefix(detector, "host_")
}

// TestEveryDetectorHasAScenario: who writes a detector of the network writes a play for it.
func TestEveryDetectorHasAScenario(t *testing.T) {
	played := map[string]bool{}
	for _, s := range simulate.Scenarios() {
		if !strings.HasPrefix(s.Name, "document-") && len(s.Gives) == 1 {
			played[s.Gives[0].Detector] = true
		}
	}
	files, err := fs.Glob(shipped.FS, "network/*.yaml")
	if err != nil || len(files) < 16 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		text, err := fs.ReadFile(shipped.FS, file)
		if err != nil {
			t.Fatal(err)
		}
		_, rest, named := strings.Cut(string(text), "\ndetector: ")
		if detector, _, _ := strings.Cut(rest, "\n"); named && !played[detector] && !uncaptured(detector) {
			t.Errorf("no scenario plays %s of %s", detector, path.Base(file))
		}
	}
}
