package api_test

import (
	"context"
	"fmt"
	"time"

	"haechi"
)

// control records what it was asked and answers with a little data.
type control struct {
	fail     error
	event    haechi.EventFilter
	device   haechi.DeviceFilter
	decision haechi.DecisionFilter
	added    haechi.Decision
	imported []haechi.Decision
	called   string
	op       haechi.Operator
	stream   chan haechi.Event
}

func (c *control) note(what string, op haechi.Operator) { c.called, c.op = what, op }

func (c *control) Overview(context.Context) (haechi.Overview, error) {
	return haechi.Overview{AuthFailures: 13, Zone: "Asia/Seoul"}, c.fail
}

func (c *control) Events(_ context.Context, f haechi.EventFilter) ([]haechi.Event, error) {
	c.event = f
	return []haechi.Event{{Time: at, Kind: haechi.KindAuth, Outcome: haechi.Failure, Reason: haechi.ReasonReplay}}, c.fail
}

func (c *control) Follow(_ context.Context, f haechi.EventFilter) (<-chan haechi.Event, error) {
	c.event = f
	return c.stream, c.fail
}

func (c *control) Findings(_ context.Context, limit int) ([]haechi.Finding, error) {
	return make([]haechi.Finding, limit), c.fail
}

func (c *control) Incidents(_ context.Context, limit int) ([]haechi.Incident, error) {
	return make([]haechi.Incident, limit), c.fail
}

func (c *control) Status(context.Context) (haechi.Status, error) {
	return haechi.Status{Version: "0.1.0"}, c.fail
}

func (c *control) Devices(_ context.Context, f haechi.DeviceFilter) ([]haechi.Device, error) {
	c.device = f
	return nil, c.fail
}

func (c *control) SetDeviceStatus(_ context.Context, op haechi.Operator, key string, s haechi.DeviceStatus, reason string) (haechi.Device, error) {
	c.note("status "+key+" "+s.String()+" "+reason, op)
	return haechi.Device{Key: key, Status: s, Reason: reason}, c.fail
}

func (c *control) NewDeviceKey(_ context.Context, op haechi.Operator, key string) (haechi.NewKey, error) {
	c.note("key "+key, op)
	return haechi.NewKey{KeyInfo: haechi.KeyInfo{ID: "k1", Created: at}, Device: key, Secret: "s", Salt: "p"}, c.fail
}

func (c *control) RetireDeviceKey(_ context.Context, op haechi.Operator, key, id string) error {
	c.note("retire "+key+" "+id, op)
	return c.fail
}

func (c *control) Decisions(_ context.Context, f haechi.DecisionFilter) ([]haechi.Decision, error) {
	c.decision = f
	return []haechi.Decision{{ID: "7K29Q-XM4TC", Mode: haechi.Shadow}}, c.fail
}

func (c *control) AddDecision(_ context.Context, op haechi.Operator, d haechi.Decision) (haechi.Decision, error) {
	c.note("add", op)
	c.added = d
	d.ID = "7K29Q-XM4TC"
	return d, c.fail
}

func (c *control) LiftDecision(_ context.Context, op haechi.Operator, id haechi.Reference, reason string) (haechi.Decision, error) {
	c.note("lift "+string(id)+" "+reason, op)
	return haechi.Decision{ID: id}, c.fail
}

func (c *control) ImportDecisions(_ context.Context, op haechi.Operator, ds []haechi.Decision, dry bool) (haechi.Import, error) {
	c.note("import", op)
	c.imported = ds
	return haechi.Import{Added: len(ds), DryRun: dry}, c.fail
}

func (c *control) WithdrawDecisions(_ context.Context, op haechi.Operator, about haechi.Scope, peer, reason string) ([]haechi.Decision, error) {
	c.note("withdraw "+about.String()+" "+peer+" "+reason, op)
	return []haechi.Decision{{ID: "7K29Q-XM4TC"}}, c.fail
}

func (c *control) Why(_ context.Context, q string) (haechi.Explanation, error) {
	return haechi.Explanation{Query: q}, c.fail
}

func (c *control) Rules(context.Context) ([]haechi.RuleInfo, error) {
	return []haechi.RuleInfo{{ID: "device/failed-auth", Window: time.Minute}}, c.fail
}

func (c *control) Report(_ context.Context, name string) (haechi.Table, error) {
	return haechi.Table{Name: name, Rows: [][]string{{"a"}}}, c.fail
}

func (c *control) Reports(context.Context) []string { return []string{"daily"} }

func (c *control) Reload(_ context.Context, op haechi.Operator) error {
	c.note("reload", op)
	return c.fail
}

func (c *control) Backup(_ context.Context, op haechi.Operator, path string) error {
	c.note("backup "+path, op)
	return c.fail
}

func (c *control) Audit(_ context.Context, limit int) ([]haechi.AuditEntry, error) {
	return []haechi.AuditEntry{{Seq: uint64(limit)}}, c.fail
}

func (c *control) VerifyAudit(context.Context) (uint64, error) { return 42, c.fail }

func (c *control) AddDevice(_ context.Context, op haechi.Operator, service, key string) (haechi.Device, error) {
	c.note("new "+service+" "+key, op)
	return haechi.Device{Key: key, Service: service}, c.fail
}

func (c *control) DeleteDevice(_ context.Context, op haechi.Operator, key, reason string) (int64, error) {
	c.note("delete "+key+" "+reason, op)
	return 7, c.fail
}

func (c *control) LoginLink(_ context.Context, op haechi.Operator) (string, error) {
	c.note("link", op)
	return "https://127.0.0.1:9443/login/first?token=x", c.fail
}

func (c *control) Undo(_ context.Context, op haechi.Operator, seq uint64) error {
	c.note(fmt.Sprint("undo ", seq), op)
	return c.fail
}

func (c *control) Replay(_ context.Context, since time.Time) (haechi.Replay, error) {
	return haechi.Replay{Since: since, Events: 3}, c.fail
}

func (c *control) Attack(context.Context) (haechi.AttackStatus, error) {
	return haechi.AttackStatus{Stage: haechi.StageTighten, Mode: haechi.Enforce}, c.fail
}

func (c *control) SetStage(_ context.Context, op haechi.Operator, s haechi.Stage, length time.Duration, reason string) (haechi.AttackStatus, error) {
	c.note("stage "+s.String()+" "+length.String()+" "+reason, op)
	return haechi.AttackStatus{Stage: s}, c.fail
}

func (c *control) ReleaseStage(_ context.Context, op haechi.Operator, reason string) (haechi.AttackStatus, error) {
	c.note("release "+reason, op)
	return haechi.AttackStatus{}, c.fail
}

func (c *control) Drain(_ context.Context, op haechi.Operator, service, server string, on bool, reason string) error {
	c.note(fmt.Sprint("drain ", service, " ", server, " ", on, " ", reason), op)
	return c.fail
}

func (c *control) Closeups(context.Context) ([]haechi.Closeup, error) {
	return []haechi.Closeup{{Kept: 2}}, c.fail
}

func (c *control) Packets(_ context.Context, op haechi.Operator, about haechi.Scope, reason string) (haechi.Packets, error) {
	c.note("packets "+about.String()+" "+reason, op)
	return haechi.Packets{About: about, Packets: 2, Capture: []byte("capture\x00")}, c.fail
}
