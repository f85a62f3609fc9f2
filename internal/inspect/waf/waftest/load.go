package waftest

import (
	"encoding/base64"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/corazawaf/coraza-coreruleset/v4/tests"
	"github.com/goccy/go-yaml"
)

// Case is one stage of one test.
type Case struct {
	// Name is the rule and number, for example "942100-1".
	Name string
	// Rule is the rule that the test is about.
	Rule int
	// Expect and Refuse are the rules that must and must not match.
	Expect, Refuse []int
	// Status is the status that is expected, 0 if none is named.
	Status int
	// Skip says why the case cannot be judged by rule ids; empty if it can.
	Skip string

	method, uri, version string
	headers              []field
	data                 string
	raw                  []byte // the whole request, if the test gives it encoded
}

type field struct{ name, value string }

// file is what is read of a test file.
type file struct {
	Rule  int `yaml:"rule_id"`
	Tests []struct {
		ID     int `yaml:"test_id"`
		Stages []struct {
			Input  input  `yaml:"input"`
			Output output `yaml:"output"`
		} `yaml:"stages"`
	} `yaml:"tests"`
}

type input struct {
	Method  *string       `yaml:"method"`
	URI     *string       `yaml:"uri"`
	Version *string       `yaml:"version"`
	Headers yaml.MapSlice `yaml:"headers"`
	Data    string        `yaml:"data"`
	Auto    *bool         `yaml:"autocomplete_headers"`
	Encoded string        `yaml:"encoded_request"`
}

type output struct {
	Status      int  `yaml:"status"`
	ExpectError bool `yaml:"expect_error"`
	Log         struct {
		Expect  []int  `yaml:"expect_ids"`
		Refuse  []int  `yaml:"no_expect_ids"`
		Match   string `yaml:"match_regex"`
		NoMatch string `yaml:"no_match_regex"`
	} `yaml:"log"`
}

// Load reads all cases, and says how many tests of answers it left out.
func Load() (cases []Case, answers int, err error) {
	err = fs.WalkDir(tests.FS, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		all, err := read(name)
		if strings.HasPrefix(path.Dir(name), "RESPONSE-") {
			answers += len(all)
			return err
		}
		cases = append(cases, all...)
		return err
	})
	return cases, answers, err
}

func read(name string) (out []Case, err error) {
	text, err := fs.ReadFile(tests.FS, name)
	if err != nil {
		return nil, err
	}
	var f file
	if err := yaml.Unmarshal(text, &f); err != nil {
		return nil, fmt.Errorf("test file %s: %w", name, err)
	}
	for _, t := range f.Tests {
		for i, s := range t.Stages {
			c := s.Input.request(s.Output)
			c.Name, c.Rule = fmt.Sprintf("%d-%d", f.Rule, t.ID), f.Rule
			if i > 0 {
				c.Name += fmt.Sprintf(" stage %d", i+1)
			}
			out = append(out, c)
		}
	}
	return out, nil
}

// request completes the headers as go-ftw, the runner of the rules' makers, does.
func (in *input) request(want output) Case {
	c := Case{Expect: want.Log.Expect, Refuse: want.Log.Refuse, Status: want.Status, data: expand(in.Data),
		method: or(in.Method, "GET"), uri: or(in.URI, "/"), version: or(in.Version, "HTTP/1.1")}
	c.Skip = want.unjudged()
	if in.Encoded != "" {
		c.raw, _ = base64.StdEncoding.DecodeString(strings.ReplaceAll(in.Encoded, "\n", ""))
	}
	for _, h := range in.Headers {
		c.headers = append(c.headers, field{fmt.Sprint(h.Key), fmt.Sprint(h.Value)})
	}
	if in.Auto != nil && !*in.Auto {
		return c
	}
	if c.data != "" {
		c.complete("Content-Type", "application/x-www-form-urlencoded")
	}
	if c.data != "" || c.method == "POST" || c.method == "PUT" {
		c.complete("Content-Length", fmt.Sprint(len(c.data)))
	}
	c.complete("Connection", "close")
	return c
}

func (o *output) unjudged() string {
	switch {
	case o.Log.Match != "" || o.Log.NoMatch != "":
		return "asks for a line of the log"
	case len(o.Log.Expect)+len(o.Log.Refuse) == 0:
		return "asks for a status only"
	}
	return ""
}

// expand writes out the repetitions that a few bodies hold, {{ "1" | repeat 64200 }}.
func expand(data string) string {
	before, rest, ok := strings.Cut(data, "{{ \"")
	if !ok {
		return data
	}
	var n int
	what, rest, _ := strings.Cut(rest, "\" | repeat ")
	count, after, ok := strings.Cut(rest, " }}")
	if _, err := fmt.Sscan(count, &n); !ok || err != nil || n < 0 || n > 1<<20 {
		return data
	}
	return before + strings.Repeat(what, n) + after
}

func or(p *string, fallback string) string {
	if p == nil {
		return fallback
	}
	return *p
}

func (c *Case) header(name string) (string, bool) {
	for _, h := range c.headers {
		if strings.EqualFold(h.name, name) {
			return h.value, true
		}
	}
	return "", false
}

func (c *Case) complete(name, value string) {
	if _, ok := c.header(name); !ok {
		c.headers = append(c.headers, field{name, value})
	}
}
