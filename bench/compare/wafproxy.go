package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/corazawaf/coraza/v3"
	coraza_http "github.com/corazawaf/coraza/v3/http"
	"github.com/corazawaf/coraza/v3/types"

	"haechi/internal/inspect/waf"
)

// serveWafProxy is the plain Coraza proxy: the standard library's reverse proxy behind
// Coraza's own handler, with the rules that the gateway loads.
func serveWafProxy(args []string) error {
	if len(args) != 3 {
		return fmt.Errorf("usage: compare wafproxy ADDRESS UPSTREAM LOG")
	}
	log, err := newLineLog(args[2])
	if err != nil {
		return err
	}
	handler, err := wafProxy(args[1], log)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	l, err := net.Listen("tcp", args[0])
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return log.close()
}

// wafProxy writes a line for every request to the log, and the hits too.
func wafProxy(upstream string, log *lineLog) (http.Handler, error) {
	rules := waf.Ruleset{}
	blocking := strings.Replace(rules.Directives(), "SecRuleEngine DetectionOnly", "SecRuleEngine On", 1)
	engine, err := coraza.NewWAF(coraza.NewWAFConfig().WithRootFS(rules.Files()).WithDirectives(blocking).
		WithErrorCallback(func(m types.MatchedRule) { log.line(m.ErrorLog()) }))
	if err != nil {
		return nil, err
	}
	to := &url.URL{Scheme: "http", Host: upstream}
	proxy := &httputil.ReverseProxy{BufferPool: &buffers{}, Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to); r.SetXForwarded() },
		Transport: &http.Transport{MaxIdleConnsPerHost: 512, DisableCompression: true}}
	judged := coraza_http.WrapHandler(engine, proxy)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		judged.ServeHTTP(w, r)
		log.line(r.RemoteAddr + " " + r.Method + " " + r.RequestURI)
	}), nil
}

// buffers are those of the reverse proxy.
type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[]byte); ok {
		return *p
	}
	return make([]byte, 32<<10)
}

func (b *buffers) Put(p []byte) { b.pool.Put(&p) }

// lineLog is a file of lines, written once a second or when 64 KiB are there, as those
// of the other proxies are.
type lineLog struct {
	mu   sync.Mutex
	file *os.File
	w    *bufio.Writer
	done chan struct{}
}

func newLineLog(path string) (*lineLog, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	l := &lineLog{file: f, w: bufio.NewWriterSize(f, 64<<10), done: make(chan struct{})}
	go l.flush()
	return l, nil
}

func (l *lineLog) flush() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			l.mu.Lock()
			_ = l.w.Flush() // the next write has the same error, and so has the end
			l.mu.Unlock()
		case <-l.done:
			return
		}
	}
}

func (l *lineLog) line(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = l.w.WriteString(time.Now().UTC().Format(time.RFC3339Nano) + " " + text + "\n") // as above
}

func (l *lineLog) close() error {
	close(l.done)
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.w.Flush(), l.file.Close())
}
