package waf

import (
	"fmt"
	"io/fs"
	"strings"
	"sync/atomic"

	"github.com/corazawaf/coraza/v3"

	"haechi"
)

// DefaultAnswerBody is how much of an answer's body is judged at most, in bytes.
const DefaultAnswerBody = 64 << 10

// AnswerView is the answer to a request as an [AnswerEngine] judges it. It belongs to
// the caller, and nothing of it is kept.
type AnswerView struct {
	// Asked is the request, without its body.
	Asked View
	// Status is that of the answer, 200 to 599.
	Status  int
	Headers []Field
	// Body is the beginning of the body, decoded if it was compressed.
	Body []byte
}

// AnswerEngine evaluates answers against the rules for them: phases 3 and 4 of SecLang.
// It is safe for concurrent use.
type AnswerEngine interface {
	// JudgeAnswer evaluates the view into out, which was reset; the score is the outbound
	// one. An error means that the answer was not judged, and nothing else.
	JudgeAnswer(v *AnswerView, out *Result) error
}

// Answers is the engine that asks Coraza about the answers in which some rule may find
// something, and clears the others by the words that are not in them. A cleared answer
// is one in which Coraza finds nothing.
type Answers struct {
	oracle  *Oracle
	words   *glance // nil: Coraza is asked about every answer
	cleared atomic.Uint64
	asked   atomic.Uint64
}

// NewAnswers loads the rules of a ruleset that are about answers: those of the Core Rule
// Set, and of one's own those of phases 3 and 4. Where one's own rules are about answers,
// or without fast, Coraza is asked about every answer. Errors are those of [NewOracle].
func NewAnswers(r Ruleset, fast bool) (*Answers, error) {
	r = r.withDefaults()
	if err := own(r.Before + "\n" + r.After); err != nil {
		return nil, err
	}
	all, err := indexAnswers(r)
	if err != nil {
		return nil, fmt.Errorf("read the rules of the WAF about answers: %w", err)
	}
	w, err := coraza.NewWAF(coraza.NewWAFConfig().WithRootFS(r.Files()).WithDirectives(r.answerDirectives()))
	if err != nil {
		return nil, &haechi.Error{Kind: haechi.Invalid, Op: "load the rules of the WAF about answers", Err: err,
			Hint: "correct the rule that the message names; haechi check loads the rules as haechi run does"}
	}
	a := &Answers{oracle: &Oracle{waf: w, rules: all}}
	if fast && len(a.ownRules(r)) == 0 {
		a.words, err = newGlance(r, all)
	}
	return a, err
}

// indexAnswers reads the rules that are about answers.
func indexAnswers(r Ruleset) (map[int]*known, error) {
	rd := reader{all: map[int]*known{}, score: outbound, keeps: true}
	rd.text(r.Before)
	names, err := fs.Glob(r.Files(), answerFiles)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		text, err := fs.ReadFile(r.Files(), name)
		if err != nil {
			return nil, err
		}
		rd.text(string(text))
	}
	rd.text(r.After)
	for id, k := range rd.all {
		if k.phase != 3 && k.phase != 4 { // a request's, judged before
			delete(rd.all, id)
		}
	}
	return rd.all, nil
}

// ownRules says which parts of one's own rules can change what is found in answers.
func (a *Answers) ownRules(r Ruleset) (why []string) {
	text := strings.ToLower(r.Before + "\n" + r.After)
	for _, word := range []string{"response", "phase:3", "phase:4", "outbound", "ctl:", "skip", "secruleupdate", "secdefaultaction", "secmarker"} {
		if strings.Contains(text, word) {
			why = append(why, word)
		}
	}
	return why
}

// Stats counts the answers that were cleared, and those about which Coraza was asked.
func (a *Answers) Stats() (cleared, asked uint64) { return a.cleared.Load(), a.asked.Load() }

// JudgeAnswer implements [AnswerEngine].
func (a *Answers) JudgeAnswer(v *AnswerView, out *Result) error {
	if a.words != nil && a.words.alive(v) == 0 {
		a.cleared.Add(1)
		return nil
	}
	a.asked.Add(1)
	return a.oracle.judgeAnswer(v, out)
}

func (o *Oracle) judgeAnswer(v *AnswerView, out *Result) (err error) {
	defer func() {
		// A defect in the engine must not end the program.
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
	if err := feed(tx, &v.Asked); err != nil {
		return err
	}
	for _, h := range v.Headers {
		tx.AddResponseHeader(anew(h.Name), h.Value)
	}
	tx.ProcessResponseHeaders(v.Status, v.Asked.Protocol)
	if len(v.Body) > 0 {
		if _, n, err := tx.WriteResponseBody(v.Body); err != nil || n < len(v.Body) {
			return fmt.Errorf("the WAF engine took %d of %d bytes of the answer: %w", n, len(v.Body), err)
		}
	}
	if _, err := tx.ProcessResponseBody(); err != nil {
		return err
	}
	out.Score = number(tx.Variables().TX(), "blocking_outbound_anomaly_score")
	o.collect(tx.MatchedRules(), out)
	return nil
}

// answerFiles are the Core Rule Set's about answers.
const answerFiles = "@owasp_crs/RESPONSE-95*.conf"

// answerDirectives is the program about answers. It is one of its own, since the rules
// about the request would be asked a second time otherwise.
func (r Ruleset) answerDirectives() string {
	r = r.withDefaults()
	return answerBase + fmt.Sprintf(setup, r.Paranoia, r.Paranoia) + r.Before +
		"\nInclude @owasp_crs/REQUEST-901-INITIALIZATION.conf\nInclude " + answerFiles + "\n" + r.After
}

// answerBase has Coraza take every body that it is given: whose kind is judged is decided
// before. The limit is one that no body reaches, since who gives it has a limit.
const answerBase = `SecRuleEngine DetectionOnly
SecRxPreFilter Off
SecRequestBodyAccess Off
SecResponseBodyAccess On
SecResponseBodyLimit 67108864
SecResponseBodyLimitAction ProcessPartial
SecAuditEngine Off
SecDefaultAction "phase:1,log,noauditlog,pass"
SecDefaultAction "phase:2,log,noauditlog,pass"
SecDefaultAction "phase:3,log,noauditlog,pass"
SecDefaultAction "phase:4,log,noauditlog,pass"
SecAction "id:900991,phase:1,pass,t:none,nolog,ctl:forceResponseBodyVariable=On"
`
