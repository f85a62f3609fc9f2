package transform_test

import (
	"sync"
	"testing"

	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/experimental/plugins"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
)

// probe asks the engine itself what its transformations make of a text: an
// operator of our own sees the transformed value.
type probe struct {
	mu   sync.Mutex
	last string
	wafs map[string]coraza.WAF
}

func (p *probe) Evaluate(_ plugintypes.TransactionState, value string) bool {
	p.last = value
	return false
}

func newProbe() *probe {
	p := &probe{wafs: map[string]coraza.WAF{}}
	plugins.RegisterOperator("probe", func(plugintypes.OperatorOptions) (plugintypes.Operator, error) { return p, nil })
	return p
}

// ask returns what the engine makes of the text with "t:a,t:b".
func (p *probe) ask(t testing.TB, chain, text string) string {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	w := p.wafs[chain]
	if w == nil {
		var err error
		w, err = coraza.NewWAF(coraza.NewWAFConfig().WithDirectives(
			"SecRuleEngine On\nSecRule REQUEST_METHOD \"@probe\" \"id:1,phase:1,pass,nolog," + chain + "\"\n"))
		if err != nil {
			t.Fatal(err)
		}
		p.wafs[chain] = w
	}
	tx := w.NewTransaction()
	defer tx.Close()
	tx.ProcessURI("/", text, "HTTP/1.1")
	p.last = "not asked"
	tx.ProcessRequestHeaders()
	return p.last
}
