package api

import (
	"context"
	"net/http"

	"haechi"
)

// PacketsRequest asks for the packets that are kept of an address.
type PacketsRequest struct {
	About  haechi.Scope `json:"haechi.scope"`
	Reason string       `json:"reason,omitempty"`
}

func (h *handler) closeups(r *http.Request, _ haechi.Operator) (any, error) {
	if err := known(r); err != nil {
		return nil, err
	}
	return list(h.Closeups.Closeups(r.Context()))
}

func (h *handler) packets(r *http.Request, op haechi.Operator) (any, error) {
	q, err := read[PacketsRequest](r)
	if err != nil {
		return nil, err
	}
	if err := oneLine(q.Reason); err != nil {
		return nil, err
	}
	return value(h.Closeups.Packets(r.Context(), op, q.About, q.Reason))
}

// Closeups lists of whom packets are kept.
func (c *Client) Closeups(ctx context.Context) ([]haechi.Closeup, error) {
	return getList[haechi.Closeup](ctx, c, "packets", nil)
}

// Packets reads those that are kept of an address, as a capture.
func (c *Client) Packets(ctx context.Context, q PacketsRequest) (haechi.Packets, error) {
	return post[haechi.Packets](ctx, c, "packets/read", q)
}
