package app

import (
	"reflect"
	"testing"

	"haechi/internal/config"
	"haechi/internal/detect/dnstunnel"
	"haechi/internal/detect/rules"
	shipped "haechi/rules"
)

// TestEveryNetworkDetectorHasAFile: what the files set is what the code has by default,
// so that neither says one thing and does another.
func TestEveryNetworkDetectorHasAFile(t *testing.T) {
	set, err := rules.Load(shipped.FS, rules.Options{Detectors: networkDefaults()})
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]rules.Named{}
	for _, n := range set.Named() {
		files[n.Detector] = n
	}
	for _, k := range append(networkKinds(), hostKinds()...) {
		n, ok := files[k.name]
		if !ok {
			t.Errorf("no file in rules/network names the detector %s", k.name)
		} else if !reflect.DeepEqual(n.Config, k.defaults) {
			t.Errorf("%s: the file says %+v, the code %+v", n.ID, n.Config, k.defaults)
		}
	}
	if got := len(detectorsOf(hostKinds(), set, networkSite(&config.Site{}))); got != len(hostKinds()) {
		t.Errorf("%d detectors of %d kinds", got, len(hostKinds()))
	}
	if got := len(networkDetectors(set, networkSite(&config.Site{}))); got != len(networkKinds()) {
		t.Errorf("%d detectors of %d kinds", got, len(networkKinds()))
	}
}

func TestParametersOfTheConfigurationReachTheDetector(t *testing.T) {
	cfg := &config.Config{Rules: map[string]config.Rule{"network/dns-tunnel": {Parameters: map[string]string{"names": "40"}}}}
	set, err := loadRules(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range set.Named() {
		if c, ok := n.Config.(dnstunnel.Config); ok && c.Names != 40 {
			t.Errorf("the detector runs with %+v", c)
		}
	}
}
