package console_test

import (
	"strings"
	"testing"

	"haechi"
	"haechi/internal/show/console"
)

// TestRulesAreWorded shows rules by what they look for, in the person's language,
// wherever a rule is named, and what a person can do about a refusal.
func TestRulesAreWorded(t *testing.T) {
	titles := map[string]string{"en": "Authentication keeps failing", "ko": "인증 실패가 반복됩니다"}
	r := newRigWith(t, console.Config{RuleTitle: func(id, lang string) string {
		if id != "device/failed-auth" {
			return ""
		}
		return titles[lang]
	}}, newSettings())
	r.enroll()
	for lang, title := range titles {
		for _, path := range []string{"/", "/decisions", "/decisions/item?id=7K29Q-XM4TC", "/incidents", "/why?q=7K29Q-XM4TC"} {
			if body := r.get(path, "Accept-Language", lang).body; !strings.Contains(body, title) {
				t.Errorf("%s in %s does not say %q", path, lang, title)
			}
		}
	}
	incidents := r.get("/incidents").body
	if !strings.Contains(incidents, `href="/why?q=AAAAA-91ZZK"`) || !strings.Contains(incidents, "device/unusual-hour") {
		t.Error("an incident of a rule without a title cannot be asked about")
	}
	if body := r.get("/why?q=7K29Q-XM4TC").body; !strings.Contains(body, "What to do") || !strings.Contains(body, "#lift-form") {
		t.Error("the explanation does not say what to do")
	}
}

// TestWhatADetectorFoundIsSaidInWords stands above the numbers, escaped like any text.
func TestWhatADetectorFoundIsSaidInWords(t *testing.T) {
	r := newRigWith(t, console.Config{Sentence: func(f *haechi.Finding, lang string) string { return lang + ": " + f.Rule + " <saw> it" }}, newSettings())
	r.enroll()
	if body := r.get("/why?q=7K29Q-XM4TC", "Accept-Language", "ko").body; !strings.Contains(body, "<p>ko: device/failed-auth &lt;saw&gt; it</p>") {
		t.Error("the sentence is missing")
	}
}

// What another sensor alerted about is shown with the name of its signature, escaped.
func TestAForeignAlertIsShownWithItsSignature(t *testing.T) {
	r := newRig(t)
	r.enroll()
	e := &r.control.events[1] // evidence of the finding
	e.Kind, e.Rule, e.Text = haechi.KindAlert, "suricata:1:2012345", "TEST <b>attack\u202e"
	body := r.get("/why?q=7K29Q-XM4TC", "Accept-Language", "ko").body
	if !strings.Contains(body, "suricata:1:2012345") || !strings.Contains(body, "<br>TEST &lt;b&gt;attack") || strings.Contains(body, "\u202e") || !strings.Contains(body, "외부 경보") {
		t.Error("the signature is not shown, or not escaped")
	}
}

func TestADetectorsParametersAreListed(t *testing.T) {
	r := newRig(t)
	r.enroll()
	if body := r.get("/rules").body; !strings.Contains(body, "ports: 10, window: 1m0s") {
		t.Error("the parameters are missing")
	}
}

// TestIncidentInTheStream words an incident's entry like everything else.
func TestIncidentInTheStream(t *testing.T) {
	r := newRigWith(t, console.Config{RuleTitle: func(string, string) string { return "한 주소에서 인증 실패가 폭주합니다" }}, newSettings())
	r.enroll()
	r.control.events = []haechi.Event{{Time: r.control.now, Kind: haechi.KindSystem, Severity: haechi.Critical, Rule: "auth/flood-of-failures",
		Ref: "7K29Q-XM4TC", Text: "incident began"}}
	body := r.get("/live", "Accept-Language", "ko").body
	if !strings.Contains(body, "한 주소에서 인증 실패가 폭주합니다 · 사건 시작") || !strings.Contains(body, `class="severity-critical"`) {
		t.Errorf("the stream shows %s", body)
	}
}

func TestReportNumbersStandRight(t *testing.T) {
	r := newRig(t)
	r.enroll()
	first, named := r.get("/reports").body, r.get("/reports?name=daily").body
	if !strings.Contains(first, "<table") || !strings.Contains(named, `<td class="right">`) {
		t.Error("a report is not shown, or its numbers stand like text")
	}
}
