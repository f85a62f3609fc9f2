package storetest

import (
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"haechi"
	"haechi/internal/record"
)

func someDevice(key string) haechi.Device {
	bot, serial, _ := haechi.SplitDeviceKey(key)
	return haechi.Device{Key: key, Bot: bot, Serial: serial, Service: "bots", Status: haechi.Blocked, Reason: "Suspicious activity",
		By: "kim", ChangedAt: Now(), ClientType: "MessengerBotR", Version: "0.7.38a", Addr: "203.0.113.7",
		FirstSeen: Now().Add(-time.Hour), LastSeen: Now(), LastPing: Now().Add(1), Label: "3층 창고", UUID: "89abcdef01234567",
		Skew: haechi.ClockSkew{Last: -1500 * time.Millisecond, Min: -31 * time.Second, Max: time.Millisecond, At: Now()}}
}

func devices(t *testing.T, b Backend) {
	s := opened(t, b)
	a, lower := someDevice("LOA.i/1"), someDevice("loa.i/1")
	check(t, s.Devices.SaveDevice(t.Context(), &lower))
	check(t, s.Devices.SaveDevice(t.Context(), &a))
	k := haechi.Key{ID: "k1", Secret: []byte("s"), Salt: []byte("t"), Created: Now(), Code: "7K29Q", LastUse: Now().Add(2)}
	check(t, s.Devices.SaveKey(t.Context(), a.Key, &k))
	a.Status, a.Reason = haechi.Approved, ""
	check(t, s.Devices.SaveDevice(t.Context(), &a)) // the key stays
	got, err := s.Devices.Devices(t.Context())
	check(t, err)
	a.Keys = []haechi.KeyInfo{{ID: "k1", Created: Now(), Code: "7K29Q", LastUse: Now().Add(2)}}
	equal(t, got, []haechi.Device{a, lower}) // names that differ by case are two devices
	check(t, s.Devices.DeleteDevice(t.Context(), a.Key))
	check(t, s.Devices.DeleteDevice(t.Context(), "never/there"))
	got, err = s.Devices.Devices(t.Context())
	check(t, err)
	equal(t, got, []haechi.Device{lower})
	left, err := s.Devices.Keys(t.Context(), a.Key)
	check(t, err)
	if len(left) != 0 {
		t.Error("a deleted device keeps its keys")
	}
}

func keys(t *testing.T, b Backend) {
	s := opened(t, b)
	one := haechi.Key{ID: "k1", Secret: haechi.Secret{0, 1, 255}, Salt: haechi.Secret("salt"), Created: Now()}
	two := haechi.Key{ID: "k2", Secret: haechi.Secret("x"), Salt: haechi.Secret{}, Created: Now().Add(1), Until: Now().Add(time.Hour), Code: "7K29Q", LastUse: Now()}
	check(t, s.Devices.SaveKey(t.Context(), "a/1", &two))
	check(t, s.Devices.SaveKey(t.Context(), "a/1", &one))
	check(t, s.Devices.SaveKey(t.Context(), "a/10", &one))
	got, err := s.Devices.Keys(t.Context(), "a/1")
	check(t, err)
	equal(t, got, []haechi.Key{one, two})
	one.Until = Now()
	check(t, s.Devices.SaveKey(t.Context(), "a/1", &one))
	check(t, s.Devices.DeleteKey(t.Context(), "a/1", "k2"))
	check(t, s.Devices.DeleteKey(t.Context(), "a/1", "k9"))
	got, err = s.Devices.Keys(t.Context(), "a/1")
	check(t, err)
	equal(t, got, []haechi.Key{one})
}

func address(text string) haechi.Scope {
	p := netip.MustParsePrefix(text)
	return haechi.Scope{Kind: haechi.ScopeAddress, Prefix: p}
}

func decisions(t *testing.T, b Backend) {
	s := opened(t, b)
	now := Now()
	d := haechi.Decision{ID: "00000-00001", Scope: address("203.0.113.7/32"), Service: "bots", Action: haechi.Throttle, Mode: haechi.Shadow,
		Rule: "r", Reason: "why", Origin: haechi.OriginRule, By: "kim", Observed: 6, Threshold: 5, Window: time.Minute,
		Findings: []haechi.Reference{"00000-0000A"}, From: now, Until: now.Add(time.Hour), Repeat: 2}
	endless := haechi.Decision{ID: "00000-00002", Scope: haechi.Scope{Kind: haechi.ScopeDevice, Value: "a/1"}, Action: haechi.Deny,
		Mode: haechi.Enforce, Origin: haechi.OriginOperator, By: "lee", From: now.Add(1)}
	lifted := endless
	lifted.ID, lifted.From, lifted.LiftedAt, lifted.LiftedBy, lifted.LiftReason = "00000-00003", now.Add(2), now.Add(3), "lee", "mistake"
	check(t, s.Journal.SaveDecisions(t.Context(), []haechi.Decision{d, endless}))
	open := lifted
	open.LiftedAt = time.Time{}
	check(t, s.Decisions.SaveDecision(t.Context(), &open))
	check(t, s.Decisions.SaveDecision(t.Context(), &lifted))
	// A rule's decision is journalled beside its enforcement, so an older state may
	// come after somebody lifted it: that must not bring it back.
	check(t, s.Journal.SaveDecisions(t.Context(), []haechi.Decision{open}))
	for _, q := range []struct {
		name string
		f    haechi.DecisionFilter
		want []haechi.Decision
	}{
		{"all", haechi.DecisionFilter{}, []haechi.Decision{lifted, endless, d}},
		{"open", haechi.DecisionFilter{OpenAt: now}, []haechi.Decision{endless, d}},
		{"over at until", haechi.DecisionFilter{OpenAt: d.Until}, []haechi.Decision{endless}},
		{"by id", haechi.DecisionFilter{ID: d.ID}, []haechi.Decision{d}},
		{"since", haechi.DecisionFilter{Since: now.Add(1)}, []haechi.Decision{lifted, endless}},
		{"limit", haechi.DecisionFilter{Limit: 1}, []haechi.Decision{lifted}},
	} {
		t.Run(q.name, func(t *testing.T) {
			got, err := s.Decisions.Decisions(t.Context(), &q.f)
			check(t, err)
			equal(t, got, q.want)
		})
	}
}

// decisionScopes: an address finds every prefix around it, nothing else does.
func decisionScopes(t *testing.T, b Backend) {
	s := opened(t, b)
	for i, text := range []string{"ip:203.0.113.7", "prefix:203.0.113.0/24", "prefix:0.0.0.0/0", "prefix:198.51.100.0/24",
		"ip:2001:db8:0:1::/64", "prefix:2001:db8::/32", "device:a/1", "country:KR"} {
		scope, err := haechi.ParseScope(text)
		check(t, err)
		check(t, s.Decisions.SaveDecision(t.Context(), &haechi.Decision{ID: haechi.Reference(fmt.Sprint(i)), Scope: scope,
			Action: haechi.Deny, Mode: haechi.Enforce, Origin: haechi.OriginList, From: Now().Add(time.Duration(-i))}))
	}
	for text, want := range map[string][]string{
		"ip:203.0.113.7":       {"0", "1", "2"},
		"ip:203.0.113.8":       {"1", "2"},
		"prefix:203.0.0.0/16":  {"2"},
		"ip:2001:db8:0:1::5":   {"4", "5"},
		"ip:2001:db8:0:2::/64": {"5"},
		"device:a/1":           {"6"},
		"device:a/2":           nil,
	} {
		about, err := haechi.ParseScope(text)
		check(t, err)
		got, err := s.Decisions.Decisions(t.Context(), &haechi.DecisionFilter{About: about})
		check(t, err)
		var ids []string
		for _, d := range got {
			ids = append(ids, string(d.ID))
		}
		equal(t, ids, want)
	}
}

// walk follows the chain to its head, by pages of three.
func walk(t *testing.T, s *Store) (head record.ChainHead) {
	t.Helper()
	for {
		entries, err := s.Audit.AuditEntries(t.Context(), head.Seq+1, 3)
		check(t, err)
		if len(entries) == 0 {
			return head
		}
		for i := range entries {
			check(t, head.Follow(&entries[i]))
		}
	}
}

func auditChain(t *testing.T, b Backend) {
	s := opened(t, b)
	if head := walk(t, s); head != (record.ChainHead{}) {
		t.Fatalf("an empty log has the head %v", head)
	}
	var want []haechi.AuditEntry
	for i := range 7 {
		e := haechi.AuditEntry{Time: Now().Add(time.Duration(i)), By: "kim", Via: "cli", Action: "device.block", Subject: "a/1",
			Before: "approved", After: "blocked", Reason: fmt.Sprint("no. ", i)}
		check(t, s.Audit.AppendAudit(t.Context(), &e))
		want = append(want, e)
	}
	got, err := s.Audit.AuditEntries(t.Context(), 1, 100)
	check(t, err)
	equal(t, got, want)
	got, err = s.Audit.AuditEntries(t.Context(), 3, 2)
	check(t, err)
	equal(t, got, want[2:4])
	head := walk(t, s)
	if head.Seq != 7 || head.Hash != want[6].Hash || want[6].Hash != record.HashEntry(&want[6]) || want[0].Prev != "" {
		t.Errorf("the head is %v of %v", head, want[6])
	}
}

// auditConcurrent: entries of many goroutines make one chain.
func auditConcurrent(t *testing.T, b Backend) {
	s := opened(t, b)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for range 10 {
				if err := s.Audit.AppendAudit(t.Context(), &haechi.AuditEntry{By: fmt.Sprint(g), Action: "x"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	head := walk(t, s)
	if head.Seq != 40 {
		t.Errorf("%d entries, want 40", head.Seq)
	}
}

func settings(t *testing.T, b Backend) {
	s := opened(t, b)
	set := func(name, value string, until time.Time) {
		t.Helper()
		check(t, s.Settings.SetSetting(t.Context(), name, []byte(value), until))
	}
	set("session/a", "1", Now().Add(1))
	set("session/b", "2", Now())
	set("session/c", "", time.Time{})
	set("password", "old", time.Time{})
	set("password", "new", time.Time{})
	got, err := s.Settings.Setting(t.Context(), "password")
	check(t, err)
	equal(t, string(got), "new")
	for _, name := range []string{"session/b", "session/d"} {
		if _, err := s.Settings.Setting(t.Context(), name); haechi.KindOf(err) != haechi.NotFound {
			t.Errorf("%s gives %v, want kind not found", name, err)
		}
	}
	names, err := s.Settings.SettingNames(t.Context(), "session/")
	check(t, err)
	equal(t, names, []string{"session/a", "session/c"})
	check(t, s.Settings.DeleteSetting(t.Context(), "session/a"))
	check(t, s.Settings.DeleteSetting(t.Context(), "session/a"))
	names, err = s.Settings.SettingNames(t.Context(), "")
	check(t, err)
	equal(t, names, []string{"password", "session/c"})
}
