package api_test

import (
	"testing"

	"haechi"
	"haechi/internal/show/api"
)

func TestAttack(t *testing.T) {
	r := newRig(t)
	ctx := t.Context()
	s, err := r.client.Attack(ctx)
	check(t, err, s.Stage == haechi.StageTighten && s.Mode == haechi.Enforce)
	s, err = r.client.SetStage(ctx, api.StageRequest{Stage: haechi.StageKnown, For: "30m", Reason: "they come from everywhere"})
	check(t, err, s.Stage == haechi.StageKnown)
	if want := "stage known 30m0s they come from everywhere"; r.control.called != want {
		t.Errorf("asked %q, want %q", r.control.called, want)
	}
	_, err = r.client.ReleaseStage(ctx, api.ReleaseRequest{Reason: "our own test"})
	check(t, err, r.control.called == "release our own test")
	for _, q := range []api.StageRequest{{Stage: haechi.StageKnown}, {Stage: haechi.StageKnown, For: "-1m"}, {Stage: haechi.StageKnown, For: "1m", Reason: "two\nlines"}, {Stage: 9, For: "1m"}} {
		if _, err := r.client.SetStage(ctx, q); haechi.KindOf(err) != haechi.Invalid {
			t.Errorf("%+v: %v", q, err)
		}
	}
}
