package api

import (
	"context"
	"net/http"

	"haechi"
)

// DrainRequest names a server behind a service, as the status shows it.
type DrainRequest struct {
	Service string `json:"service"`
	Server  string `json:"server"`
	Reason  string `json:"reason,omitempty"`
}

func (h *handler) drain(r *http.Request, op haechi.Operator) (any, error) {
	return h.setDrain(r, op, true)
}

func (h *handler) resume(r *http.Request, op haechi.Operator) (any, error) {
	return h.setDrain(r, op, false)
}

func (h *handler) setDrain(r *http.Request, op haechi.Operator, on bool) (any, error) {
	q, err := read[DrainRequest](r)
	if err != nil {
		return nil, err
	}
	if err := oneLine(q.Reason); err != nil {
		return nil, err
	}
	return done{true}, h.Drainer.Drain(r.Context(), op, q.Service, q.Server, on, q.Reason)
}

// Drain takes a server out of its turn; what it has under way goes on.
func (c *Client) Drain(ctx context.Context, q DrainRequest) error {
	_, err := post[done](ctx, c, "servers/drain", q)
	return err
}

// Resume puts a server back.
func (c *Client) Resume(ctx context.Context, q DrainRequest) error {
	_, err := post[done](ctx, c, "servers/resume", q)
	return err
}
