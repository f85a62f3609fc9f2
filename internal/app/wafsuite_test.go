package app_test

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"haechi"
	"haechi/internal/brick/clientkey"
	"haechi/internal/ingress"
	"haechi/internal/ingress/httpgate"
	"haechi/internal/inspect/waf"
	"haechi/internal/inspect/waf/sieve"
	"haechi/internal/inspect/waf/waftest"
)

var wafStep = flag.Int("waf-step", 211, "of the Core Rule Set's tests, every which one goes through the gate; 1: all")

// TestWAFSuiteOverHTTP sends the Core Rule Set's own tests through the gate, as bytes on
// a connection, and compares what matches with the plain engine in process. Every
// difference has its reason in the list below and in docs/waf.md.
func TestWAFSuiteOverHTTP(t *testing.T) {
	t.Parallel()
	cases, _, err := waftest.Load()
	if err != nil {
		t.Fatal(err)
	}
	behind := shop(t)
	for _, level := range []int{1, 4} {
		g := newSuite(t, level, behind)
		sum := map[string]int{}
		for i := 0; i < len(cases); i += *wafStep {
			sum[g.compare(t, &cases[i])]++
		}
		t.Logf("paranoia %d over HTTP: %v", level, sum)
	}
}

// suite is a gate with a WAF that notes which rules match.
type suite struct {
	addr  string
	note  *noted
	level int
	want  *waf.Oracle
}

// noted is an engine that keeps the rules of the last request.
type noted struct {
	waf.Engine
	mu     sync.Mutex
	judged bool
	ids    []int
}

func (n *noted) Judge(v *waf.View, out *waf.Result) error {
	err := n.Engine.Judge(v, out)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.judged, n.ids = true, slices.Clone(out.IDs)
	return err
}

func (n *noted) take() (judged bool, ids []int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	judged, ids = n.judged, n.ids
	n.judged, n.ids = false, nil
	return judged, ids
}

func newSuite(t *testing.T, level int, behind string) *suite {
	rules := waf.Ruleset{Before: waftest.Setup}
	s := &suite{note: &noted{}, level: level}
	policy := waf.Policy{Mode: haechi.Enforce, Paranoia: level}
	w, err := waf.New(waf.Config{Services: map[string]waf.Service{"suite": {Policy: policy, Rules: rules, Engine: func(r waf.Ruleset) (waf.Engine, error) {
		var err error
		if s.want, err = waf.NewOracle(r); err != nil {
			return nil, err
		}
		s.note.Engine, err = sieve.New(r, s.want)
		return s.note, err
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	g, err := httpgate.New(httpgate.Config{Sites: []httpgate.Site{{Service: "suite", Upstream: behind}}}, httpgate.Deps{Bodies: w})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.addr = l.Addr().String()
	done := make(chan error, 1)
	go func() { done <- g.Serve(t.Context(), known{l}) }()
	t.Cleanup(func() {
		_ = l.Close()
		_ = g.Shutdown(context.Background())
		<-done
		g.Wait()
	})
	return s
}

// known is a listener whose connections have a client.
type known struct{ net.Listener }

func (l known) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	ap := netip.MustParseAddrPort(c.RemoteAddr().String())
	a := haechi.Actor{Addr: clientkey.Addr(ap.Addr()), Client: clientkey.Of(ap.Addr(), 0), Assurance: haechi.Handshaken}
	return ingress.NewConn(c, a, ap.Port(), 0, nil), nil
}

// send is the status that the bytes get, 0 if there is no answer. A request that the
// gate does not find complete within a second is ended.
func (s *suite) send(raw []byte) (status int, err error) {
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := c.Write(raw); err != nil {
		return 0, err
	}
	patience := time.AfterFunc(time.Second, func() { _ = c.(*net.TCPConn).CloseWrite() })
	defer patience.Stop()
	res, err := http.ReadResponse(bufio.NewReader(c), nil)
	switch {
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return 0, nil
	case err != nil:
		return 0, err
	}
	defer res.Body.Close()
	return res.StatusCode, nil
}

// Groups of cases, by what became of them over HTTP.
const (
	passed   = "passed"
	failed   = "failed"
	higher   = "of a rule of a higher level"
	refused  = "refused before the rules"
	unjudged = "not judged by rule ids"
)

// compare runs one case both ways, says which group it belongs to, and holds that a
// difference is one of the explained.
func (s *suite) compare(t *testing.T, c *waftest.Case) string {
	var plain waf.Result
	if err := s.want.Judge(c.View(), &plain); err != nil {
		t.Errorf("%s: %v", c.Name, err)
	}
	s.note.take()
	status, err := s.send(c.Raw())
	if err != nil {
		t.Errorf("%s: %v", c.Name, err)
	}
	judged, ids := s.note.take()
	slices.Sort(ids)
	slices.Sort(plain.IDs)
	differs := c.Skip == "" && (!judged || !slices.Equal(ids, plain.IDs))
	if _, known := explained(c.Name); differs && !known || known && !differs && s.level == 4 {
		t.Errorf("%s: differs: %v, explained: %v; status %d, only in process %v, only over HTTP %v", c.Name, differs, known, status, without(plain.IDs, ids), without(ids, plain.IDs))
	}
	rule, _ := s.want.Rule(c.Rule)
	switch {
	case c.Skip != "" && c.Status < 400:
		return unjudged
	case !judged && status >= 400:
		return refused
	case c.Skip != "" && status >= 400, c.Skip == "" && judged && c.Check(ids) == "":
		return passed
	case rule.Paranoia > s.level:
		return higher
	}
	if _, known := explained(c.Name); !known {
		t.Errorf("%s: status %d, expects %d; %s", c.Name, status, c.Status, c.Check(ids))
	}
	return failed
}

func without(a, b []int) []int {
	return slices.DeleteFunc(slices.Clone(a), func(i int) bool { return slices.Contains(b, i) })
}

// explained says why what matches over HTTP is not what matches in process.
func explained(name string) (why string, ok bool) {
	switch name {
	case "920100-3", "920300-2":
		why = "OPTIONS * asks nothing of a site: 405"
	case "920100-4", "920100-6", "920300-3":
		why = "CONNECT is answered with 405"
	case "920180-4", "920430-8":
		why = "a version that HTTP/1 does not have: 505"
	case "920430-4", "920430-5":
		why = "a request line that is none: 400"
	case "920190-2", "920200-4", "920200-5", "920200-9", "920201-1", "920201-2":
		why = "so many or such ranges are answered with 416"
	case "920620-1":
		why = "two Content-Types are refused before the rules: 400"
	case "921140-1":
		why = "a bare CR in a header: 400"
	case "920170-4", "920180-1", "920640-5", "921110-6":
		why = "bytes beyond the announced length are no body"
	case "920171-1", "920171-2", "920171-3":
		why = "a chunked body is decoded"
	case "920280-1":
		why = "HTTP/1.0 without a Host is read as one with an empty Host, and 920290 matches"
	case "920181-1":
		why = "Content-Length beside Transfer-Encoding is taken away, as the test expects"
	}
	return why, why != ""
}
