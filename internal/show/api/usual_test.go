package api_test

import (
	"context"
	"net/http"
	"testing"

	"haechi"
)

func (c *control) Held(_ context.Context, service, name string, limit int) ([]haechi.Held, error) {
	return []haechi.Held{{Service: service, Name: name, Requests: uint32(limit)}}, c.fail
}

func TestUsual(t *testing.T) {
	r := newRig(t)
	got, err := r.client.Held(t.Context(), "shop", "id", 7)
	if err != nil || len(got) != 1 || got[0].Service != "shop" || got[0].Name != "id" || got[0].Requests != 7 {
		t.Errorf("%+v, %v", got, err)
	}
	if w := r.do(http.MethodGet, "/api/v1/waf/usual?limit=0", ""); w.Code != http.StatusBadRequest {
		t.Errorf("a limit of 0: %d", w.Code)
	}
}
