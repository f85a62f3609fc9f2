package waftest

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"haechi/internal/inspect/waf"
)

// Setup is what the rules' makers set for their tests: limits that are off by default,
// and their own list of methods. It goes into Ruleset.Before.
const Setup = `SecAction "id:900005,phase:1,nolog,pass,setvar:tx.crs_validate_utf8_encoding=1,setvar:tx.arg_name_length=100,setvar:tx.arg_length=400,setvar:tx.total_arg_length=64000,setvar:tx.max_num_args=255,setvar:tx.max_file_size=64100,setvar:tx.combined_file_sizes=65535,setvar:'tx.allowed_methods=GET HEAD POST OPTIONS'"
`

// View is the request as an engine is given it.
func (c *Case) View() *waf.View {
	if c.raw != nil {
		return parsed(c.raw)
	}
	v := &waf.View{Client: netip.MustParseAddr("127.0.0.1"), Method: c.method, Target: c.uri, Protocol: c.version, Body: []byte(c.data)}
	for _, h := range c.headers {
		v.Headers = append(v.Headers, waf.Field{Name: h.name, Value: h.value})
	}
	v.Host, _ = c.header("Host")
	return v
}

// parsed cuts the bytes of a request without judging them.
func parsed(raw []byte) *waf.View {
	head, body, _ := bytes.Cut(raw, []byte("\r\n\r\n"))
	lines := strings.Split(string(head), "\r\n")
	v := &waf.View{Client: netip.MustParseAddr("127.0.0.1"), Body: body}
	if parts := strings.SplitN(lines[0], " ", 3); len(parts) == 3 {
		v.Method, v.Target, v.Protocol = parts[0], parts[1], parts[2]
	}
	for _, l := range lines[1:] {
		name, value, _ := strings.Cut(l, ":")
		v.Headers = append(v.Headers, waf.Field{Name: name, Value: strings.TrimSpace(value)})
		if strings.EqualFold(name, "Host") {
			v.Host = strings.TrimSpace(value)
		}
	}
	return v
}

// Raw is the request as it is sent.
func (c *Case) Raw() []byte {
	if c.raw != nil {
		return c.raw
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s %s\r\n", c.method, c.uri, c.version)
	for _, h := range c.headers {
		fmt.Fprintf(&b, "%s: %s\r\n", h.name, h.value)
	}
	b.WriteString("\r\n" + c.data)
	return b.Bytes()
}

// Check says what is wrong with the rules that matched, "" if nothing is.
func (c *Case) Check(ids []int) string {
	for _, id := range c.Expect {
		if !slices.Contains(ids, id) {
			return fmt.Sprintf("%d did not match", id)
		}
	}
	for _, id := range c.Refuse {
		if slices.Contains(ids, id) {
			return fmt.Sprintf("%d matched", id)
		}
	}
	return ""
}
