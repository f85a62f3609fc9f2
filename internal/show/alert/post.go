package alert

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"haechi"
)

const (
	maxURLFile = 4 << 10  // bytes read of the file with the address
	maxAnswer  = 64 << 10 // bytes read of an answer
	postLimit  = 5 * time.Second
)

// poster sends JSON to an address that is read from a file at every delivery, so
// that it can be changed without a reload. The address is a secret: it is in no
// error and in no log.
type poster struct {
	file   string
	client *http.Client
}

func newPoster(file string) (*poster, error) {
	p := &poster{file: file, client: &http.Client{
		Timeout:       postLimit,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true},
	}}
	if _, err := p.address(); err != nil {
		return nil, err
	}
	return p, nil
}

func (p *poster) address() (string, error) {
	fail := func(msg string, err error) error {
		return &haechi.Error{Kind: haechi.Invalid, Op: "read the alert address from " + p.file, Msg: msg, Err: err,
			Hint: "the file holds one line, an http or https address"}
	}
	f, err := os.Open(p.file)
	if err != nil {
		return "", fail("", err)
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, maxURLFile))
	if err != nil {
		return "", fail("", err)
	}
	text := strings.TrimSpace(string(b))
	// The parser's own error quotes the address, so it is not passed on.
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		return "", fail("this is no address", nil)
	}
	return text, nil
}

func (p *poster) post(ctx context.Context, body any) error {
	to, err := p.address()
	if err != nil {
		return err
	}
	b, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode alert: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(b))
	if err != nil {
		return errors.New("make alert request: the address is not usable")
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "haechi")
	resp, err := p.client.Do(req)
	if err != nil {
		var with *url.Error // it quotes the address
		if errors.As(err, &with) {
			err = with.Err
		}
		return fmt.Errorf("post alert: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer))
	return judge(resp)
}

// judge reads the status: 2xx is delivered; a redirect is never followed, because
// it could lead anywhere.
func judge(resp *http.Response) error {
	code := resp.StatusCode
	if code >= 200 && code < 300 {
		return nil
	}
	r := &Refused{Status: code, Final: code < 500 && code != http.StatusRequestTimeout && code != http.StatusTooManyRequests}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
		r.After = time.Duration(min(s, 3600)) * time.Second
	}
	return r
}
