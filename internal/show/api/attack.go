package api

import (
	"context"
	"net/http"

	"haechi"
)

// StageRequest asks for a stage.
type StageRequest struct {
	Stage  haechi.Stage `json:"stage"`
	For    string       `json:"for"` // a duration such as "10m"
	Reason string       `json:"reason,omitempty"`
}

// ReleaseRequest lets floods decide again.
type ReleaseRequest struct {
	Reason string `json:"reason,omitempty"`
}

func (h *handler) attack(r *http.Request, _ haechi.Operator) (any, error) {
	return with(r, h.Attacker.Attack)
}

func (h *handler) setStage(r *http.Request, op haechi.Operator) (any, error) {
	q, err := read[StageRequest](r)
	if err != nil {
		return nil, err
	}
	if err := oneLine(q.Reason); err != nil {
		return nil, err
	}
	length, err := lasting(q.For)
	if err != nil {
		return nil, err
	}
	return value(h.Attacker.SetStage(r.Context(), op, q.Stage, length, q.Reason))
}

func (h *handler) releaseStage(r *http.Request, op haechi.Operator) (any, error) {
	q, err := read[ReleaseRequest](r)
	if err != nil {
		return nil, err
	}
	if err := oneLine(q.Reason); err != nil {
		return nil, err
	}
	return value(h.Attacker.ReleaseStage(r.Context(), op, q.Reason))
}

// Attack fetches at which stage the gateway is, and why.
func (c *Client) Attack(ctx context.Context) (haechi.AttackStatus, error) {
	return get[haechi.AttackStatus](ctx, c, "attack", nil)
}

// SetStage takes a stage.
func (c *Client) SetStage(ctx context.Context, q StageRequest) (haechi.AttackStatus, error) {
	return post[haechi.AttackStatus](ctx, c, "attack/stage", q)
}

// ReleaseStage lets floods decide again.
func (c *Client) ReleaseStage(ctx context.Context, q ReleaseRequest) (haechi.AttackStatus, error) {
	return post[haechi.AttackStatus](ctx, c, "attack/release", q)
}
