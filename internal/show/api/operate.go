package api

import (
	"net/http"
	"time"

	"haechi"
)

// AddRequest registers a device before it ever connected.
type AddRequest struct {
	Service string `json:"service"`
	Device  string `json:"device"`
}

// UndoRequest names an audit entry by its number.
type UndoRequest struct {
	Entry uint64 `json:"entry"`
}

func (h *handler) addDevice(r *http.Request, op haechi.Operator) (any, error) {
	q, err := read[AddRequest](r)
	if err != nil {
		return nil, err
	}
	if err := device(q.Device); err != nil {
		return nil, err
	}
	return value(h.Devices.AddDevice(r.Context(), op, q.Service, q.Device))
}

func (h *handler) undo(r *http.Request, op haechi.Operator) (any, error) {
	q, err := read[UndoRequest](r)
	if err != nil {
		return nil, err
	}
	return done{true}, h.Keeper.Undo(r.Context(), op, q.Entry)
}

func (h *handler) replay(r *http.Request, _ haechi.Operator) (any, error) {
	if err := known(r, "since"); err != nil {
		return nil, err
	}
	since, err := time.Parse(time.RFC3339Nano, r.URL.Query().Get("since"))
	if err != nil {
		return nil, invalid("since is no time", "write it as 2026-11-22T10:00:00Z")
	}
	return value(h.Replayer.Replay(r.Context(), since))
}
