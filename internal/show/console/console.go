package console

import (
	"errors"
	"net/http"
	"net/netip"
	"sync"

	"github.com/alexedwards/scs/v2"

	"haechi"
)

// Console serves the pages. Make it with [New]; stop its streams with [Console.Close].
type Console struct {
	cfg      Config
	deps     Deps
	sessions *scs.SessionManager
	store    *sessionStore
	users    *users
	link     *link
	attempts *attempts
	hashes   *hasher
	views    *views
	assets   *assets
	streams  *streams
	handler  http.Handler
	closing  sync.Once
}

// New makes the console. Errors are of kind Invalid: templates or assets do not fit.
func New(cfg Config, deps Deps) (*Console, error) {
	cfg.defaults()
	if cfg.Assets == nil {
		return nil, &haechi.Error{Kind: haechi.Invalid, Op: "make the console", Msg: "it has no assets"}
	}
	files, err := loadAssets(cfg.Assets)
	if err != nil {
		return nil, &haechi.Error{Kind: haechi.Invalid, Op: "load the console's assets", Err: err}
	}
	v, err := loadViews(&cfg, deps.Texts, files)
	if err != nil {
		return nil, &haechi.Error{Kind: haechi.Invalid, Op: "load the console's templates", Err: err}
	}
	c := &Console{cfg: cfg, deps: deps, views: v, assets: files, hashes: newHasher(),
		store: newSessionStore(deps.Settings, cfg.Now), users: &users{settings: deps.Settings},
		link: &link{ttl: cfg.FirstTTL}, attempts: newAttempts(cfg.Failures, cfg.Within),
		streams: newStreams()}
	c.sessions = c.manager()
	c.handler = c.routes()
	return c, nil
}

// ServeHTTP implements http.Handler.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.handler.ServeHTTP(w, r) }

// Close ends every live stream and waits for it. The console serves no stream afterwards.
func (c *Console) Close() { c.closing.Do(c.streams.close) }

// LiveSessions lists the addresses from which a session that is still valid was
// last used, so that no decision locks its operator out.
func (c *Console) LiveSessions() []netip.Addr { return c.store.addresses() }

// routes lays out the console. Everything passes the outer layers; the pages of
// an operator pass the session as well.
func (c *Console) routes() http.Handler {
	open := http.NewServeMux()
	open.Handle("GET /static/", c.assets)
	open.Handle("GET /vendor/", c.assets)
	open.HandleFunc("GET /login", c.loginPage)
	open.HandleFunc("POST /login", c.login)
	open.HandleFunc("GET /login/first", c.firstPage)
	open.HandleFunc("POST /login/first", c.first)
	open.HandleFunc("POST /language", c.setLanguage)
	open.Handle("/", c.operatorsOnly(c.operatorRoutes()))
	return c.outer(c.withSession(open))
}

func (c *Console) operatorRoutes() http.Handler {
	mux := http.NewServeMux()
	for pattern, page := range c.pages() {
		mux.HandleFunc(pattern, page)
	}
	mux.HandleFunc("GET /live", c.live)
	mux.HandleFunc("POST /logout", c.logout)
	if c.deps.API != nil {
		mux.Handle("/api/v1/", c.deps.API)
		mux.Handle("/api/v1/events/follow", c.whileLoggedIn(c.deps.API))
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		c.problem(w, r, &haechi.Error{Kind: haechi.NotFound, Op: c.text(r, "error.open"), Msg: c.text(r, "error.no_page")})
	})
	return mux
}

func (c *Console) pages() map[string]http.HandlerFunc {
	return map[string]http.HandlerFunc{
		"GET /{$}":                 c.overview,
		"GET /overview/part":       c.overviewPart,
		"GET /devices":             c.devices,
		"GET /devices/item":        c.device,
		"POST /devices/status":     c.setDeviceStatus,
		"POST /devices/add":        c.addDevice,
		"POST /devices/key":        c.newDeviceKey,
		"POST /devices/key/retire": c.retireDeviceKey,
		"POST /devices/pin":        c.pinDevice,
		"GET /devices/unused":      c.unused,
		"POST /devices/unused":     c.retireUnused,
		"GET /devices/keys":        c.keys,
		"GET /devices/codes":       c.codes,
		"POST /devices/codes":      c.newCode,
		"POST /devices/codes/end":  c.endCode,
		"GET /decisions":           c.decisions,
		"POST /decisions":          c.addDecision,
		"GET /decisions/item":      c.decision,
		"POST /decisions/lift":     c.liftDecision,
		"GET /waf":                 c.exceptions,
		"POST /waf":                c.addException,
		"POST /waf/end":            c.endException,
		"GET /why":                 c.why,
		"GET /incidents":           c.incidents,
		"GET /rules":               c.rules,
		"GET /reports":             c.reports,
		"GET /audit":               c.audit,
		"POST /audit/undo":         c.undo,
		"POST /audit/verify":       c.verifyAudit,
		"GET /status":              c.status,
		"POST /reload":             c.reload,
	}
}

// asError finds the dictionary's error in err.
func asError(err error) (*haechi.Error, bool) {
	var e *haechi.Error
	ok := errors.As(err, &e)
	return e, ok
}
