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

// DeleteRequest names a device that is to be forgotten, and why.
type DeleteRequest struct {
	Device string `json:"device"`
	Reason string `json:"reason"`
}

// Deleted is the answer: how many records were erased.
type Deleted struct {
	Rows int64 `json:"rows"`
}

// Link is a one-time link to the console.
type Link struct {
	URL string `json:"url"`
}

func (h *handler) deleteDevice(r *http.Request, op haechi.Operator) (any, error) {
	q, err := read[DeleteRequest](r)
	if err != nil {
		return nil, err
	}
	if err := device(q.Device); err != nil {
		return nil, err
	}
	if err := needReason(q.Reason); err != nil {
		return nil, err
	}
	rows, err := h.Devices.DeleteDevice(r.Context(), op, q.Device, q.Reason)
	return value(Deleted{rows}, err)
}

func (h *handler) loginLink(r *http.Request, op haechi.Operator) (any, error) {
	if _, err := read[nothing](r); err != nil {
		return nil, err
	}
	url, err := h.Keeper.LoginLink(r.Context(), op)
	return value(Link{url}, err)
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
