package waf

import (
	"strings"
	"sync"

	"github.com/corazawaf/coraza/v3/collection"
	"github.com/corazawaf/coraza/v3/experimental/plugins"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
)

// Coraza 3.8.1 keeps what a transformation made of a value under the address of the
// value's name and its place among what a rule looks at. Where a name comes twice, both
// values may have one name in memory; the places change from rule to rule, since maps are
// walked in any order; and so a rule may see the first value in place of the second. An
// attack behind a harmless value of the same name then passes once in ten times. A name of
// its own in memory for each value mends that.

// apartFirst is the first rule of the second phase, when the body was read. It never
// matches, so other engines need not know it.
const apartFirst = `SecRule REQUEST_METHOD "@` + apartName + `" "id:7700000,phase:2,pass,t:none,nolog"` + "\n"

const apartName = "haechiApart"

// registerApart makes the operator known to Coraza, whose operators are the process's.
var registerApart = sync.OnceFunc(func() {
	plugins.RegisterOperator(apartName, func(plugintypes.OperatorOptions) (plugintypes.Operator, error) { return operatorApart{}, nil })
})

type operatorApart struct{}

// Evaluate implements plugintypes.Operator.
func (operatorApart) Evaluate(tx plugintypes.TransactionState, _ string) bool {
	apart(tx.Variables().ArgsPost())
	return false
}

// apart gives each value of a collection in which a name comes twice a name of its own in
// memory.
func apart(c collection.Map) {
	all := c.FindAll()
	if !repeats(len(all), func(i int) string { return all[i].Key() }) {
		return
	}
	for _, one := range all {
		c.Remove(one.Key())
	}
	for _, one := range all { // those of one name are in their order
		c.Add(anew(one.Key()), one.Value())
	}
}

// repeats reports whether a name comes twice.
func repeats(n int, name func(int) string) bool {
	seen := make(map[string]struct{}, n)
	for i := range n {
		seen[name(i)] = struct{}{}
	}
	return len(seen) < n
}

// anew is the name at an address of its own, the empty one too.
func anew(name string) string { return strings.Clone(name + "=")[:len(name)] }
