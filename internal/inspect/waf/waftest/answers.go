package waftest

import (
	"encoding/json"
	"io/fs"
	"net/netip"
	"path"
	"strings"

	"github.com/corazawaf/coraza-coreruleset/v4/tests"

	"haechi/internal/inspect/waf"
)

// reflects is the path at which the server of the rules' makers answers what it is told to.
const reflects = "/reflect"

// LoadAnswers reads the cases about answers that say what the server answers, and says
// how many it left out.
func LoadAnswers() (cases []Case, others int, err error) {
	err = fs.WalkDir(tests.FS, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasPrefix(path.Dir(name), "RESPONSE-95") {
			return err
		}
		all, err := read(name)
		for _, c := range all {
			if c.uri == reflects && c.Skip == "" && json.Valid([]byte(c.data)) {
				cases = append(cases, c)
				continue
			}
			others++
		}
		return err
	})
	return cases, others, err
}

// Answer is the answer of such a case.
func (c *Case) Answer() (*waf.AnswerView, error) {
	var told struct {
		Status  int               `json:"status"`
		Headers map[string]string `json:"headers"`
		Body    string            `json:"body"`
	}
	if err := json.Unmarshal([]byte(c.data), &told); err != nil {
		return nil, err
	}
	v := &waf.AnswerView{Asked: waf.View{Client: netip.MustParseAddr("127.0.0.1"), Method: "GET", Target: "/", Protocol: "HTTP/1.1", Host: "localhost"},
		Status: max(told.Status, 200), Body: []byte(told.Body)}
	for name, value := range told.Headers {
		v.Headers = append(v.Headers, waf.Field{Name: name, Value: value})
	}
	return v, nil
}
