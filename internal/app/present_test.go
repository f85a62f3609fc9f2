package app

import (
	"net/netip"
	"testing"
	"time"

	"haechi"
	"haechi/internal/config"
)

// A live device session outlasts a reload, and what the operator changed must count
// for it: else a network that was just denied would go on until it reconnects.
func TestLiveSessionsAreJudgedByThePresentWorld(t *testing.T) {
	e := &estate{list: newLists(64)}
	service := func(name string) *config.Config { return &config.Config{Services: []config.Service{{Name: name}}} }
	old := &world{cfg: service("bots"), judges: chain{fixed{Action: haechi.Deny, Rule: "old"}}}
	next := &world{cfg: service("bots"), judges: chain{fixed{Action: haechi.Deny, Rule: "new"}}}
	elsewhere := &world{cfg: service("others"), judges: chain{fixed{}}}
	r := haechi.Request{Kind: haechi.KindMessage, Service: "bots", Actor: &haechi.Actor{Addr: netip.MustParseAddr("192.0.2.7")}}
	judge := present{e, old}
	ask := func(want string) {
		t.Helper()
		if got := judge.Inspect(&r, time.Unix(0, 0)).Rule; got != want {
			t.Errorf("%q answers, want %q", got, want)
		}
	}
	ask("old") // before any world is entered
	e.current.Store(old)
	ask("old")
	e.current.Store(next)
	ask("new")
	e.current.Store(elsewhere) // the service is gone: its sessions keep the limits they had
	ask("old")
	e.list.set([]netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}, nil, nil)
	ask("")
}
