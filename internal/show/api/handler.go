package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"time"

	"haechi"
)

// Prefix is where the interface lives.
const Prefix = "/api/v1/"

// maxFollowers bounds the streams served at once.
const maxFollowers = 64

// handler serves the interface.
type handler struct {
	Deps
	followers chan struct{}
}

// endpoint answers one request with a value to encode, or an error.
type endpoint func(r *http.Request, op haechi.Operator) (any, error)

// items wraps a list, so that fields can be added beside it later.
type items[T any] struct {
	Items []T `json:"items"`
}

// done is the answer of actions that return nothing else.
type done struct {
	Done bool `json:"done"`
}

// New makes the handler for everything under [Prefix].
func New(d Deps) http.Handler {
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	h := &handler{Deps: d, followers: make(chan struct{}, maxFollowers)}
	mux := http.NewServeMux()
	for pattern, e := range h.endpoints() {
		mux.Handle(pattern, h.serve(e))
	}
	mux.HandleFunc("GET "+Prefix+"events/follow", h.follow)
	mux.HandleFunc("/", h.unknown)
	return mux
}

// endpoints is the whole interface but the stream.
func (h *handler) endpoints() map[string]endpoint {
	return map[string]endpoint{
		"GET " + Prefix + "overview":               h.overview,
		"GET " + Prefix + "events":                 h.events,
		"GET " + Prefix + "findings":               h.findings,
		"GET " + Prefix + "incidents":              h.incidents,
		"GET " + Prefix + "devices":                h.devices,
		"GET " + Prefix + "decisions":              h.decisions,
		"GET " + Prefix + "why":                    h.why,
		"GET " + Prefix + "rules":                  h.rules,
		"GET " + Prefix + "status":                 h.status,
		"GET " + Prefix + "reports":                h.reports,
		"GET " + Prefix + "report":                 h.report,
		"GET " + Prefix + "audit":                  h.audit,
		"POST " + Prefix + "devices/status":        h.setStatus,
		"GET " + Prefix + "replay":                 h.replay,
		"POST " + Prefix + "devices/add":           h.addDevice,
		"POST " + Prefix + "devices/delete":        h.deleteDevice,
		"POST " + Prefix + "console/link":          h.loginLink,
		"POST " + Prefix + "audit/undo":            h.undo,
		"POST " + Prefix + "devices/key":           h.newKey,
		"POST " + Prefix + "devices/key/retire":    h.retireKey,
		"GET " + Prefix + "devices/history":        h.history,
		"GET " + Prefix + "devices/unused":         h.unused,
		"POST " + Prefix + "devices/unused/retire": h.retireUnused,
		"GET " + Prefix + "devices/keys":           h.keyReport,
		"POST " + Prefix + "devices/pin":           h.pin,
		"GET " + Prefix + "devices/codes":          h.codes,
		"POST " + Prefix + "devices/codes":         h.newCode,
		"POST " + Prefix + "devices/codes/end":     h.endCode,
		"POST " + Prefix + "decisions":             h.addDecision,
		"POST " + Prefix + "decisions/lift":        h.liftDecision,
		"POST " + Prefix + "decisions/import":      h.importDecisions,
		"POST " + Prefix + "decisions/withdraw":    h.withdrawDecisions,
		"GET " + Prefix + "waf/exceptions":         h.exceptions,
		"POST " + Prefix + "waf/exceptions":        h.addException,
		"POST " + Prefix + "waf/exceptions/end":    h.endException,
		"GET " + Prefix + "waf/preview":            h.previewException,
		"GET " + Prefix + "waf/proposals":          h.proposeExceptions,
		"GET " + Prefix + "waf/usual":              h.usual,
		"GET " + Prefix + "attack":                 h.attack,
		"POST " + Prefix + "attack/stage":          h.setStage,
		"POST " + Prefix + "attack/release":        h.releaseStage,
		"POST " + Prefix + "servers/drain":         h.drain,
		"POST " + Prefix + "servers/resume":        h.resume,
		"GET " + Prefix + "packets":                h.closeups,
		"POST " + Prefix + "packets/read":          h.packets,
		"POST " + Prefix + "reload":                h.reload,
		"POST " + Prefix + "backup":                h.backup,
		"POST " + Prefix + "audit/verify":          h.verifyAudit,
	}
}

// serve authenticates, runs the endpoint and encodes its answer.
func (h *handler) serve(e endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		op, ok := h.Operator(r)
		if !ok {
			h.refuse(w, r)
			return
		}
		v, err := e(r, op)
		if err != nil {
			h.fail(w, r, err)
			return
		}
		writeJSON(w, http.StatusOK, v)
	})
}

func (h *handler) refuse(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusUnauthorized, errorBody{errorText{
		Kind: haechi.Denied.String(), Message: "nobody is logged in",
		Hint: "log in to the console, or use the command line on the gateway's own machine"}})
}

func (h *handler) unknown(w http.ResponseWriter, r *http.Request) {
	if _, ok := h.Operator(r); !ok {
		h.refuse(w, r)
		return
	}
	h.fail(w, r, &haechi.Error{Kind: haechi.NotFound, Op: "answer " + r.Method, Msg: "there is no such page in the interface",
		Hint: "see docs for the paths under " + Prefix})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	head := w.Header()
	head.Set("Content-Type", "application/json; charset=utf-8")
	head.Set("Cache-Control", "no-store")
	head.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the peer went away: nothing is left to tell it
}

// list wraps a list answer; an empty list is [], not null.
func list[T any](all []T, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	if all == nil {
		all = []T{}
	}
	return items[T]{all}, nil
}

// value passes a single answer on.
func value[T any](v T, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}

// with runs a question that takes only a context.
func with[T any](r *http.Request, ask func(context.Context) (T, error)) (any, error) {
	if err := known(r); err != nil {
		return nil, err
	}
	return value(ask(r.Context()))
}
