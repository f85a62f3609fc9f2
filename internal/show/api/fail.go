package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"haechi"
	"haechi/internal/show"
)

type errorBody struct {
	Error errorText `json:"error"`
}

type errorText struct {
	Kind    string `json:"kind"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
}

// fail answers with the error. The text of an internal one stays in the log.
func (h *handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	kind := haechi.KindOf(err)
	text := errorText{Kind: kind.String(), Message: "something went wrong inside the gateway", Hint: "see the gateway's log"}
	if e := (*haechi.Error)(nil); errors.As(err, &e) && kind != haechi.Internal {
		text.Message, text.Hint = message(e), e.Hint
	} else {
		h.Log.LogAttrs(r.Context(), slog.LevelError, "a request of the interface failed",
			slog.String("path", r.URL.Path), slog.Any("error", err))
	}
	writeJSON(w, show.StatusOf(kind), errorBody{text})
}

// message is the error without its hint, which travels beside it.
func message(e *haechi.Error) string {
	bare := *e
	bare.Hint = ""
	return bare.Error()
}

// remoteError rebuilds an error from an answer, so that a command branches on
// the same kinds as the gateway.
func remoteError(resp *http.Response, op string) error {
	var body errorBody
	err := json.NewDecoder(io.LimitReader(resp.Body, maxBody)).Decode(&body)
	if err != nil || body.Error.Message == "" {
		return &haechi.Error{Kind: haechi.Unavailable, Op: op, Msg: fmt.Sprintf("the gateway answered %d", resp.StatusCode),
			Hint: "see the gateway's log"}
	}
	e := &haechi.Error{Kind: kindNamed(body.Error.Kind), Op: op, Msg: body.Error.Message, Hint: body.Error.Hint}
	if was, msg, ok := strings.Cut(body.Error.Message, ": "); ok { // told as the gateway told it
		e.Op, e.Msg = was, msg
	}
	return e
}

func kindNamed(name string) haechi.ErrorKind {
	for k := haechi.Internal; k <= haechi.Unavailable; k++ {
		if k.String() == name {
			return k
		}
	}
	return haechi.Internal
}
