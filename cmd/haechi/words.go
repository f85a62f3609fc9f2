package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"haechi"
)

// word is a value of one of the dictionary's closed sets in the operator's
// language.
func (p *printer) word(set string, v fmt.Stringer) string {
	return p.texts.Or(p.lang, set+"."+v.String(), v.String())
}

// reason is why the event failed or was refused. The word of the device protocol for
// a refused login means another thing there than in an HTTP answer.
func (p *printer) reason(e *haechi.Event) string {
	switch {
	case e.Reason == "":
		return p.t("explain.no_reason")
	case loginFailed(e):
		return p.t("explain.login")
	}
	return p.texts.Or(p.lang, "reason."+string(e.Reason), string(e.Reason))
}

func loginFailed(e *haechi.Event) bool {
	return e.Kind == haechi.KindRequest && e.Reason == haechi.ReasonUnauthorized
}

// when is a time in the zone of the configuration, to the second, as the console
// shows it; "-" for none.
func (p *printer) when(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.In(p.zone).Format("2006-01-02 15:04:05 MST")
}

// length is a duration for a person.
func (p *printer) length(d time.Duration) string { return p.texts.Length(p.lang, d) }

// number writes an observed value or a threshold without a needless fraction.
func number(v float64) string {
	if math.Abs(v) < 1e15 && v == math.Trunc(v) {
		return strconv.FormatInt(int64(v), 10)
	}
	return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(v, 'f', 2, 64), "0"), ".")
}

func count[T ~int | ~uint64](n T) string { return fmt.Sprint(n) }

// names lists the text forms of a closed set, in order.
func names[T interface {
	~uint8
	fmt.Stringer
}]() (out []string) {
	for i := range uint8(math.MaxUint8) {
		name := T(i).String()
		if strings.HasPrefix(name, "invalid(") {
			break
		}
		if name != "" {
			out = append(out, name)
		}
	}
	return out
}

// quoted is a word of the operator's as a message shows it.
func quoted(s string) string { return strconv.Quote(s) }

// shell makes a word safe to paste into a shell; plain words stay as they are.
func shell(s string) string {
	plain := func(r rune) bool {
		return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune("._-/:@", r)
	}
	if s != "" && strings.TrimFunc(s, plain) == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
