package api_test

import (
	"testing"

	"haechi"
	"haechi/internal/show/api"
)

func TestDrain(t *testing.T) {
	r := newRig(t)
	q := api.DrainRequest{Service: "shop", Server: "http://10.0.0.6:8080", Reason: "new kernel"}
	check(t, r.client.Drain(t.Context(), q), r.control.called == "drain shop http://10.0.0.6:8080 true new kernel")
	check(t, r.client.Resume(t.Context(), q), r.control.called == "drain shop http://10.0.0.6:8080 false new kernel")
	q.Reason = "two\nlines"
	if err := r.client.Drain(t.Context(), q); haechi.KindOf(err) != haechi.Invalid {
		t.Errorf("a reason of two lines: %v", err)
	}
}
