package waf

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/collection"
	"github.com/corazawaf/coraza/v3/experimental/plugins/plugintypes"
	"github.com/corazawaf/coraza/v3/types"

	"haechi"
)

// Oracle is the engine that asks Coraza about every request.
type Oracle struct {
	waf   coraza.WAF
	rules map[int]*known
}

// NewOracle loads a ruleset. The first takes about a tenth of a second, later ones a
// fifth of that, since Coraza keeps what it compiled. Errors are of kind Invalid and
// name the line of SecLang that is wrong.
func NewOracle(r Ruleset) (*Oracle, error) {
	if err := own(r.Before + "\n" + r.After); err != nil {
		return nil, err
	}
	all, err := index(r)
	if err != nil {
		return nil, fmt.Errorf("read the rules of the WAF: %w", err)
	}
	registerApart()
	w, err := coraza.NewWAF(coraza.NewWAFConfig().WithRootFS(r.Files()).WithDirectives(apartFirst + r.Directives()))
	if err != nil {
		return nil, &haechi.Error{Kind: haechi.Invalid, Op: "load the rules of the WAF", Err: err,
			Hint: "correct the rule that the message names; haechi check loads the rules as haechi run does"}
	}
	return &Oracle{waf: w, rules: all}, nil
}

// own refuses directives in the operator's rules that would change what the engine is.
func own(text string) error {
	for line := range strings.Lines(text) {
		name, _, _ := strings.Cut(strings.ToLower(strings.Join(strings.Fields(line), " ")), " ")
		switch name {
		case "secruleengine", "secrxprefilter", "secrequestbodyaccess", "secrequestbodylimit", "secrequestbodylimitaction", "include", "secauditlog", "secdebuglog":
			return &haechi.Error{Kind: haechi.Invalid, Op: "load the rules of the WAF", Msg: "a file of rules must not say " + name,
				Hint: "mode, body and the rest are set under services, waf in haechi.yaml; name further files in waf.rules"}
		}
	}
	return nil
}

// transaction is what is used of Coraza's.
type transaction interface {
	types.Transaction
	plugintypes.TransactionState
}

// Judge implements [Engine].
func (o *Oracle) Judge(v *View, out *Result) (err error) {
	defer func() {
		// A defect in the engine must refuse one request, not end the program.
		if p := recover(); p != nil {
			err = fmt.Errorf("the WAF engine broke: %v", p)
		}
	}()
	tx, ok := o.waf.NewTransactionWithID("0").(transaction)
	if !ok {
		return fmt.Errorf("the WAF engine's transaction is a %T, which has no variables", tx)
	}
	defer func() {
		if e := tx.Close(); e != nil && err == nil {
			err = e
		}
	}()
	if err := feed(tx, v); err != nil {
		return err
	}
	out.Score = number(tx.Variables().TX(), "blocking_inbound_anomaly_score")
	o.collect(tx.MatchedRules(), out)
	return nil
}

// feed runs the request through both request phases.
func feed(tx transaction, v *View) error {
	tx.ProcessConnection(v.Client.String(), 0, "", 0)
	tx.ProcessURI(v.Target, v.Method, v.Protocol)
	for _, h := range v.Headers {
		tx.AddRequestHeader(anew(h.Name), h.Value)
	}
	apart(tx.Variables().RequestCookies())
	apart(tx.Variables().ArgsGet())
	tx.SetServerName(v.Host)
	tx.ProcessRequestHeaders()
	if len(v.Body) > 0 {
		if _, n, err := tx.WriteRequestBody(v.Body); err != nil || n < len(v.Body) {
			return fmt.Errorf("the WAF engine took %d of %d bytes of the body: %w", n, len(v.Body), err)
		}
	}
	_, err := tx.ProcessRequestBody()
	return err
}

// number reads a whole number of the TX collection; 0 if it is none.
func number(tx collection.Map, name string) int {
	values := tx.Get(name)
	if len(values) == 0 {
		return 0
	}
	n, err := strconv.Atoi(values[0])
	if err != nil {
		return 0
	}
	return n
}

// Shipped says what is known of a rule of the Core Rule Set, without an engine.
func Shipped() (func(id int) (haechi.HitRule, bool), error) {
	all, err := index(Ruleset{})
	if err != nil {
		return nil, err
	}
	o := &Oracle{rules: all}
	return o.Rule, nil
}

// Rule implements [Engine].
func (o *Oracle) Rule(id int) (haechi.HitRule, bool) {
	if id == RuleContext {
		return contextRule(), true
	}
	k, ok := o.rules[id]
	if !ok {
		return haechi.HitRule{ID: id}, false
	}
	return k.HitRule, true
}
