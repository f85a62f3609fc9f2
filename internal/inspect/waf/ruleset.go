package waf

import (
	_ "embed"
	"fmt"
	"io/fs"
	"strings"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
)

// Limits of a request body that an engine parses.
const (
	// MaxArguments bounds the parameters of a request, of its query and of its body.
	MaxArguments = 1000
	// MaxDepth bounds the nesting of a JSON body.
	MaxDepth = 64
	// DefaultMaxBody is how much of a body is judged at most, in bytes.
	DefaultMaxBody = 1 << 20
)

// Ruleset says which rules are loaded. Equal rulesets make equal engines.
type Ruleset struct {
	// Paranoia is the level of the Core Rule Set, 1 to 4; 0 means 1.
	Paranoia int
	// MaxBody bounds View.Body in bytes; 0 means DefaultMaxBody.
	MaxBody int
	// UTF8 has parameters that are no UTF-8 add to the score. Off, since pages in older
	// encodings send such.
	UTF8 bool
	// Inflated says that compressed bodies are decoded before they are judged, so that
	// the header that announces them is no violation.
	Inflated bool
	// Extra adds rules of Haechi's own to the Core Rule Set: extra.conf.
	Extra bool
	// Before and After are rules of one's own in SecLang, evaluated before and after
	// the Core Rule Set. They must not include files.
	Before, After string
}

// extra are the rules of Haechi's own, in SecLang.
//
//go:embed extra.conf
var extra string

func (r Ruleset) withDefaults() Ruleset {
	if r.Paranoia == 0 {
		r.Paranoia = 1
	}
	if r.MaxBody == 0 {
		r.MaxBody = DefaultMaxBody
	}
	return r
}

// Files are the files that Directives includes: those of the Core Rule Set.
func (r Ruleset) Files() fs.FS { return coreruleset.FS }

// Directives is the whole program in SecLang, with the Core Rule Set by Include. It is
// all that an engine needs to know beside Files.
func (r Ruleset) Directives() string {
	r = r.withDefaults()
	var b strings.Builder
	b.WriteString(base)
	fmt.Fprintf(&b, "SecRequestBodyLimit %d\nSecRequestBodyInMemoryLimit %d\nSecRequestBodyJsonDepthLimit %d\nSecArgumentsLimit %d\n",
		r.MaxBody, r.MaxBody, MaxDepth, MaxArguments)
	fmt.Fprintf(&b, setup, r.Paranoia, r.Paranoia)
	if r.UTF8 {
		b.WriteString(`SecAction "id:900950,phase:1,pass,t:none,nolog,setvar:tx.crs_validate_utf8_encoding=1"` + "\n")
	}
	if r.Inflated {
		b.WriteString(inflated)
	}
	b.WriteString(r.Before)
	b.WriteString("\n")
	if r.Extra { // before the Core Rule Set adds the score up
		b.WriteString(extra)
	}
	b.WriteString("\nInclude @owasp_crs/*.conf\n")
	b.WriteString(r.After)
	return b.String()
}

// base is what coraza.conf-recommended sets, as far as requests are concerned. The
// engine only detects: what is refused is decided on its hits, so that every rule is
// asked and a refusal names all of them. SecRxPreFilter misses attacks and stays off.
const base = `SecRuleEngine DetectionOnly
SecRxPreFilter Off
SecRequestBodyAccess On
SecResponseBodyAccess Off
SecRequestBodyLimitAction ProcessPartial
SecUploadKeepFiles Off
SecAuditEngine Off
SecDefaultAction "phase:1,log,noauditlog,pass"
SecDefaultAction "phase:2,log,noauditlog,pass"
SecRule REQUEST_HEADERS:Content-Type "^(?:application(?:/soap\+|/)|text/)xml" "id:200000,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=XML"
SecRule REQUEST_HEADERS:Content-Type "^application/json" "id:200001,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON"
SecRule REQUEST_HEADERS:Content-Type "^application/[a-z0-9.-]+[+]json" "id:200006,phase:1,t:none,t:lowercase,pass,nolog,ctl:requestBodyProcessor=JSON"
SecRule URI_PARSE_ERROR "@eq 1" "id:200009,phase:1,t:none,log,deny,status:400,msg:'URI failed to parse'"
SecRule REQBODY_ERROR "!@eq 0" "id:200002,phase:2,t:none,log,deny,status:400,msg:'Failed to parse request body',severity:2"
SecRule MULTIPART_STRICT_ERROR "!@eq 0" "id:200003,phase:2,t:none,log,deny,status:400,msg:'Multipart request body failed strict validation'"
SecRule ARGUMENTS_LIMIT_REACHED "@eq 1" "id:200004,phase:1,t:none,log,deny,status:400,msg:'Too many parameters in the query'"
SecRule ARGUMENTS_LIMIT_REACHED "@eq 1" "id:200005,phase:2,t:none,log,deny,status:400,msg:'Too many parameters in the request'"
`

const setup = `SecAction "id:900990,phase:1,pass,t:none,nolog,setvar:tx.crs_setup_version=4250,setvar:tx.blocking_paranoia_level=%d,setvar:tx.detection_paranoia_level=%d"
SecAction "id:900200,phase:1,pass,t:none,nolog,setvar:'tx.allowed_methods=GET HEAD POST OPTIONS PUT PATCH DELETE'"
`

// inflated is the Core Rule Set's own list without content-encoding.
const inflated = `SecAction "id:900250,phase:1,pass,t:none,nolog,setvar:'tx.restricted_headers_basic=/proxy/ /lock-token/ /content-range/ /if/ /x-http-method-override/ /x-http-method/ /x-method-override/ /x-middleware-subrequest/ /expect/'"
`
