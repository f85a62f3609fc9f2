package api

import (
	"context"
	"net/http"

	"haechi"
)

// usual answers with what parameters usually hold: those of a service, of a name, or all,
// the most used first.
func (h *handler) usual(r *http.Request, _ haechi.Operator) (any, error) {
	if err := known(r, "service", "name", "limit"); err != nil {
		return nil, err
	}
	q := r.URL.Query()
	n, err := limit(q)
	if err != nil {
		return nil, err
	}
	return list(h.Usual.Held(r.Context(), q.Get("service"), q.Get("name"), n))
}

// Held fetches what parameters usually hold, of a service and a name, or of all without
// one, the most used first.
func (c *Client) Held(ctx context.Context, service, name string, most int) ([]haechi.Held, error) {
	q := limited(most)
	if service != "" {
		q.Set("service", service)
	}
	if name != "" {
		q.Set("name", name)
	}
	return getList[haechi.Held](ctx, c, "waf/usual", q)
}
