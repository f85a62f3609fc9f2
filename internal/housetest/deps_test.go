package housetest

import (
	"slices"
	"strings"
	"testing"
)

// importers names, for each direct dependency, the packages that may import it
// outside tests. Each has a record in docs/decisions. An empty list means tests,
// benchmarks or the tool chain only.
func importers() map[string][]string {
	return map[string][]string{
		"cel.dev/cel-go":                             {"internal/detect/rules"},
		"github.com/caddyserver/certmagic":           {"internal/ingress/tlsterm/acme"},
		"github.com/mholt/acmez/v3":                  {"internal/ingress/tlsterm/acme"}, // certmagic's own: what a challenge is
		"go.uber.org/zap":                            {"internal/ingress/tlsterm/acme"}, // the only logger that certmagic takes
		"github.com/alexedwards/scs/v2":              {"internal/show/console"},
		"github.com/axiomhq/hyperloglog":             {"internal/pipeline"},
		"github.com/boombuler/barcode":               {"internal/brick/qr"},
		"github.com/coder/websocket":                 {"internal/show/console"},
		"github.com/gaissmai/bart":                   {"internal/brick/prefixset"},
		"github.com/google/nftables":                 {"internal/enforce/nft"},
		"github.com/gopacket/gopacket":               {"internal/sensor/capture"},
		"github.com/quic-go/quic-go":                 {"internal/ingress/h3"},
		"github.com/cilium/ebpf":                     {"internal/enforce/xdp"},
		"github.com/mdlayher/netlink":                {"internal/enforce/nft"}, // its connections, and one question that nftables cannot ask
		"github.com/corazawaf/coraza-coreruleset/v4": {"internal/inspect/waf"},
		"github.com/corazawaf/coraza/v3":             {"internal/inspect/waf"},
		"github.com/goccy/go-yaml":                   {"internal/config", "internal/brick/yamlfile"}, // rules and log patterns are files of their own
		"github.com/invopop/jsonschema":              {"internal/config"},
		"github.com/jedib0t/go-pretty/v6":            {"cmd/haechi"},
		"github.com/pires/go-proxyproto":             {"internal/ingress/listener", "internal/ingress/tcpgate"}, // the header that comes in; the one that goes out
		"github.com/prometheus/client_golang":        {"internal/show/telemetry"},
		"github.com/spf13/cobra":                     {"cmd/haechi"},
		"golang.org/x/crypto":                        {"internal/show/console", "internal/ingress/tlsterm"},                                                                                                        // argon2; ocsp
		"github.com/go-sql-driver/mysql":             {"internal/record/mysql", "internal/identity/devices/kakaodb"},                                                                                               // records; the existing database of a bot system
		"golang.org/x/sys":                           {"internal/app", "internal/enforce/xdp", "internal/sensor/capture", "internal/sensor/conntrack", "internal/operate/simulate/wire", "internal/brick/confine"}, // peer credentials of the local socket; mapped tables and namespaces; packet sockets; that of the connection table; a link of its own; what a process gives up
		"modernc.org/sqlite":                         {"internal/record/sqlite"},
		"github.com/corazawaf/libinjection-go":       {"internal/inspect/waf/sieve"},
		"rsc.io/binaryregexp":                        {"internal/inspect/waf/sieve"},

		"github.com/chromedp/chromedp":       nil,
		"github.com/chromedp/cdproto":        nil,
		"github.com/google/go-cmp":           nil,
		"github.com/rogpeppe/go-internal":    nil,
		"go.uber.org/goleak":                 nil,
		"golang.org/x/time":                  nil,
		"pgregory.net/rapid":                 nil,
		"honnef.co/go/tools":                 nil,
		"github.com/letsencrypt/pebble/v2":   nil,
		"github.com/prometheus/client_model": nil,
	}
}

// TestDependencies keeps rule 6: the list is complete, and each module has its
// one importing package.
func TestDependencies(t *testing.T) {
	known := importers()
	for _, mod := range requirements(t) {
		if _, ok := known[mod]; !ok {
			t.Errorf("go.mod requires %s directly, which the list in this test does not name: add it with its one importing package and a record in docs/decisions", mod)
		}
	}
	for _, s := range tree(t) {
		for _, im := range s.imports() {
			mod := moduleOf(known, im)
			if mod == "" || s.test || isHarness(s.pkg) || isSuite(s.pkg) {
				continue
			}
			if !slices.Contains(known[mod], s.pkg) {
				t.Errorf("%s imports %s: only %v may", s.path, im, known[mod])
			}
		}
	}
}

func moduleOf(known map[string][]string, im string) string {
	for mod := range known {
		if im == mod || strings.HasPrefix(im, mod+"/") {
			return mod
		}
	}
	return ""
}
