package console_test

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"haechi/internal/show/catalogue"
	"haechi/internal/show/console"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const password = "correct horse battery"

// rig is a console behind a TLS test server, with a browser's cookie jar.
type rig struct {
	*httptest.Server
	t        *testing.T
	console  *console.Console
	control  *control
	settings *settings
	sink     *sink
	clock    *time.Time
	client   *http.Client
}

func newRig(t *testing.T) *rig {
	t.Helper()
	return newRigWith(t, console.Config{}, newSettings())
}

func newRigWith(t *testing.T, cfg console.Config, kept *settings) *rig {
	t.Helper()
	now := time.Now().UTC()
	r := &rig{t: t, control: newControl(now), settings: kept, sink: &sink{}, clock: &now}
	cfg.Assets = os.DirFS("../../../web")
	cfg.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	cfg.Now = func() time.Time { return *r.clock }
	var err error
	r.console, err = console.New(cfg, console.Deps{Watcher: r.control, Devices: r.control, Fleet: r.control, Enrolment: r.control, Decisions: r.control, Explainer: r.control, Excepter: r.control,
		Keeper: r.control, Settings: r.settings, Sink: r.sink, Texts: catalogue.New(),
		API: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			op, ok := console.OperatorOf(req)
			if !ok {
				w.WriteHeader(http.StatusUnauthorized)
			}
			_, _ = io.WriteString(w, op.Name+" "+op.Via)
		})})
	if err != nil {
		t.Fatal(err)
	}
	r.Server = httptest.NewTLSServer(r.console)
	t.Cleanup(func() {
		r.console.Close()
		r.Server.CloseClientConnections()
		r.Server.Close()
	})
	r.client = r.browser()
	return r
}

// browser is a client of its own that follows no redirect.
func (r *rig) browser() *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		r.t.Fatal(err)
	}
	return &http.Client{Jar: jar, Transport: r.Server.Client().Transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

type reply struct {
	*http.Response
	body string
}

func (r *rig) do(req *http.Request) reply {
	r.t.Helper()
	resp, err := r.client.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return reply{resp, string(b)}
}

func (r *rig) get(path string, headers ...string) reply {
	r.t.Helper()
	req, err := http.NewRequest(http.MethodGet, r.URL+path, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return r.do(req)
}

// post sends a form as a page of the console would. A field Sec-Fetch-Site is
// sent as that header, too.
func (r *rig) post(path string, pairs ...string) reply {
	r.t.Helper()
	return r.postFrom(r.URL, path, pairs...)
}

func (r *rig) postFrom(origin, path string, pairs ...string) reply {
	r.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	req, err := http.NewRequest(http.MethodPost, r.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		r.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if site := form.Get("Sec-Fetch-Site"); site != "" {
		req.Header.Set("Sec-Fetch-Site", site)
	}
	if origin != "" {
		req.Header.Set("Origin", origin)
	}
	return r.do(req)
}

// enroll makes the operator minji by a login link and is logged in afterwards.
func (r *rig) enroll() {
	r.t.Helper()
	link := r.console.LoginLink()
	if got := r.get(link); got.StatusCode != http.StatusOK {
		r.t.Fatalf("the link answers %d: %s", got.StatusCode, got.body)
	}
	if got := r.first(link, "minji", password); got.StatusCode != http.StatusSeeOther {
		r.t.Fatalf("enrolment answers %d: %s", got.StatusCode, got.body)
	}
}

func (r *rig) first(link, name, pass string) reply {
	r.t.Helper()
	_, token, _ := strings.Cut(link, "token=")
	return r.post("/login/first", "token", token, "name", name, "password", pass, "again", pass)
}

func (r *rig) login(name, pass string) reply {
	r.t.Helper()
	return r.post("/login", "name", name, "password", pass, "next", "/devices")
}

func (r *rig) session() string {
	r.t.Helper()
	u, err := url.Parse(r.URL)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, c := range r.client.Jar.Cookies(u) {
		if c.Name == "__Host-haechi" {
			return c.Value
		}
	}
	return ""
}

func want(t *testing.T, got reply, status int) {
	t.Helper()
	if got.StatusCode != status {
		t.Fatalf("%s %s answers %d, want %d: %.600s", got.Request.Method, got.Request.URL.Path, got.StatusCode, status, got.body)
	}
}
