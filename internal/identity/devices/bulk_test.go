package devices_test

import (
	"errors"
	"fmt"
	"testing"

	"haechi"
	"haechi/internal/identity/devices"
)

func TestManyAtOnceOrNone(t *testing.T) {
	var ds []haechi.Device
	var moves []haechi.Move
	for i := range 50 {
		d := with(device("bot", fmt.Sprint(i), ""), haechi.Approved)
		ds, moves = append(ds, d), append(moves, haechi.Move{Device: d.Key, To: haechi.Revoked})
	}
	s, told := newStore(ds...), 0
	r := open(t, devices.Config{OnChange: func(before, after haechi.Device) {
		if before.Status == haechi.Approved && after.Status == haechi.Revoked && after.Reason == "unused" && after.By == "kim" {
			told++
		}
	}}, s)
	approved := func() int { return len(r.List(haechi.DeviceFilter{Statuses: []haechi.DeviceStatus{haechi.Approved}})) }

	err := r.SetStatuses(t.Context(), append(moves[:len(moves):len(moves)], haechi.Move{Device: "nobody/1"}), "kim", "unused", start)
	wantKind(t, err, haechi.NotFound)
	s.set(func(s *store) { s.fail = errDisk })
	if err := r.SetStatuses(t.Context(), moves, "kim", "unused", start); !errors.Is(err, errDisk) || approved() != 50 || told != 0 {
		t.Errorf("%v, %d approved, told of %d", err, approved(), told)
	}
	s.set(func(s *store) { s.fail = nil })
	before := s.saved()
	if err := r.SetStatuses(t.Context(), moves, "kim", "unused", start); err != nil || approved() != 0 || told != 50 {
		t.Errorf("%v, %d approved, told of %d", err, approved(), told)
	}
	if s.saved()-before != 50 || len(open(t, devices.Config{}, s).List(haechi.DeviceFilter{Statuses: []haechi.DeviceStatus{haechi.Revoked}})) != 50 {
		t.Error("the store does not hold what was acknowledged")
	}
	back := []haechi.Move{{Device: "bot/1", To: haechi.Approved}}
	wantKind(t, r.SetStatuses(t.Context(), back, "rule:x", "", start), haechi.Denied)
}
