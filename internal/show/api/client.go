package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"haechi"
)

// maxAnswer bounds what the client reads of one answer, in bytes.
const maxAnswer = 64 << 20

// Client asks a running gateway. Its errors are [haechi.Error]s of the kind the
// gateway gave, or Unavailable when it does not answer.
type Client struct {
	http *http.Client
	base string
}

// NewClient makes a client; base is scheme and host, for example "http://local".
func NewClient(c *http.Client, base string) *Client { return &Client{http: c, base: base} }

// Overview fetches the numbers of the first page.
func (c *Client) Overview(ctx context.Context) (haechi.Overview, error) {
	return get[haechi.Overview](ctx, c, "overview", nil)
}

// Status fetches the state of the gateway.
func (c *Client) Status(ctx context.Context) (haechi.Status, error) {
	return get[haechi.Status](ctx, c, "status", nil)
}

// Events fetches recorded events, newest first.
func (c *Client) Events(ctx context.Context, f haechi.EventFilter) ([]haechi.Event, error) {
	return getList[haechi.Event](ctx, c, "events", eventQuery(f))
}

// Findings fetches findings, newest first.
func (c *Client) Findings(ctx context.Context, limit int) ([]haechi.Finding, error) {
	return getList[haechi.Finding](ctx, c, "findings", limited(limit))
}

// Incidents fetches incidents, newest first.
func (c *Client) Incidents(ctx context.Context, limit int) ([]haechi.Incident, error) {
	return getList[haechi.Incident](ctx, c, "incidents", limited(limit))
}

// Devices fetches devices.
func (c *Client) Devices(ctx context.Context, f haechi.DeviceFilter) ([]haechi.Device, error) {
	return getList[haechi.Device](ctx, c, "devices", deviceQuery(f))
}

// Decisions fetches decisions: those open now if f.OpenAt is set, else all.
func (c *Client) Decisions(ctx context.Context, f haechi.DecisionFilter) ([]haechi.Decision, error) {
	return getList[haechi.Decision](ctx, c, "decisions", decisionQuery(f))
}

// Why explains a reference, an address or a device.
func (c *Client) Why(ctx context.Context, query string) (haechi.Explanation, error) {
	return get[haechi.Explanation](ctx, c, "why", url.Values{"q": {query}})
}

// Rules fetches the loaded rules.
func (c *Client) Rules(ctx context.Context) ([]haechi.RuleInfo, error) {
	return getList[haechi.RuleInfo](ctx, c, "rules", nil)
}

// Reports fetches the names of the reports.
func (c *Client) Reports(ctx context.Context) ([]string, error) {
	return getList[string](ctx, c, "reports", nil)
}

// Report runs a report.
func (c *Client) Report(ctx context.Context, name string) (haechi.Table, error) {
	return get[haechi.Table](ctx, c, "report", url.Values{"name": {name}})
}

// Audit fetches the newest entries of the audit chain.
func (c *Client) Audit(ctx context.Context, limit int) ([]haechi.AuditEntry, error) {
	return getList[haechi.AuditEntry](ctx, c, "audit", limited(limit))
}

// SetDeviceStatus moves a device to another status, at once.
func (c *Client) SetDeviceStatus(ctx context.Context, key string, s haechi.DeviceStatus, reason string) (haechi.Device, error) {
	return post[haechi.Device](ctx, c, "devices/status", StatusRequest{key, s, reason})
}

// NewDeviceKey makes a key; the answer is the only time its secret is shown.
func (c *Client) NewDeviceKey(ctx context.Context, key string) (haechi.NewKey, error) {
	return post[haechi.NewKey](ctx, c, "devices/key", KeyRequest{Device: key})
}

// RetireDeviceKey ends a key.
func (c *Client) RetireDeviceKey(ctx context.Context, key, id string) error {
	_, err := post[done](ctx, c, "devices/key/retire", KeyRequest{Device: key, Key: id})
	return err
}

// AddDecision adds an operator's decision.
func (c *Client) AddDecision(ctx context.Context, q DecisionRequest) (haechi.Decision, error) {
	return post[haechi.Decision](ctx, c, "decisions", q)
}

// LiftDecision lifts a decision.
func (c *Client) LiftDecision(ctx context.Context, id haechi.Reference, reason string) (haechi.Decision, error) {
	return post[haechi.Decision](ctx, c, "decisions/lift", LiftRequest{string(id), reason})
}

// Reload makes the gateway load its configuration anew.
func (c *Client) Reload(ctx context.Context) error {
	_, err := post[done](ctx, c, "reload", nothing{})
	return err
}

// Backup writes a backup to an absolute path on the gateway's machine.
func (c *Client) Backup(ctx context.Context, path string) error {
	_, err := post[done](ctx, c, "backup", BackupRequest{path})
	return err
}

// VerifyAudit checks the audit chain and returns how many entries it has.
func (c *Client) VerifyAudit(ctx context.Context) (uint64, error) {
	v, err := post[Verified](ctx, c, "audit/verify", nothing{})
	return v.Entries, err
}

// AddDevice registers a device before it ever connected.
func (c *Client) AddDevice(ctx context.Context, service, key string) (haechi.Device, error) {
	return post[haechi.Device](ctx, c, "devices/add", AddRequest{service, key})
}

// DeleteDevice forgets a device and everything recorded about it.
func (c *Client) DeleteDevice(ctx context.Context, key, reason string) (rows int64, err error) {
	d, err := post[Deleted](ctx, c, "devices/delete", DeleteRequest{key, reason})
	return d.Rows, err
}

// LoginLink makes a one-time link to the console; over the local socket only.
func (c *Client) LoginLink(ctx context.Context) (string, error) {
	l, err := post[Link](ctx, c, "console/link", nothing{})
	return l.URL, err
}

// Undo reverses an audit entry.
func (c *Client) Undo(ctx context.Context, seq uint64) error {
	_, err := post[done](ctx, c, "audit/undo", UndoRequest{seq})
	return err
}

// Replay shows what the present rules would have done with what was recorded since.
func (c *Client) Replay(ctx context.Context, since time.Time) (haechi.Replay, error) {
	return get[haechi.Replay](ctx, c, "replay", url.Values{"since": {since.UTC().Format(time.RFC3339Nano)}})
}

// Follow yields events as they happen until ctx ends, the caller stops or the
// stream breaks, which it yields as a last error.
func (c *Client) Follow(ctx context.Context, f haechi.EventFilter) iter.Seq2[haechi.Event, error] {
	return func(yield func(haechi.Event, error) bool) {
		resp, err := c.do(ctx, http.MethodGet, "events/follow", eventQuery(f), nil)
		if err != nil {
			yield(haechi.Event{}, err)
			return
		}
		defer resp.Body.Close()
		d := json.NewDecoder(resp.Body)
		for {
			var e haechi.Event
			if err := d.Decode(&e); err != nil {
				if ctx.Err() == nil && !errors.Is(err, io.EOF) {
					yield(e, unreachable("follow events", err))
				}
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

func limited(n int) url.Values {
	q := url.Values{}
	setLimit(q, n)
	return q
}

func get[T any](ctx context.Context, c *Client, path string, q url.Values) (T, error) {
	return call[T](ctx, c, http.MethodGet, path, q, nil)
}

func getList[T any](ctx context.Context, c *Client, path string, q url.Values) ([]T, error) {
	v, err := get[items[T]](ctx, c, path, q)
	return v.Items, err
}

func post[T any](ctx context.Context, c *Client, path string, body any) (v T, err error) {
	b, err := json.Marshal(body)
	if err != nil {
		return v, &haechi.Error{Kind: haechi.Invalid, Op: "encode the request", Err: err}
	}
	return call[T](ctx, c, http.MethodPost, path, nil, b)
}

func call[T any](ctx context.Context, c *Client, method, path string, q url.Values, body []byte) (v T, err error) {
	resp, err := c.do(ctx, method, path, q, body)
	if err != nil {
		return v, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&v); err != nil {
		return v, unreachable("read the gateway's answer", err)
	}
	return v, nil
}

func (c *Client) do(ctx context.Context, method, path string, q url.Values, body []byte) (*http.Response, error) {
	target := c.base + Prefix + path
	if len(q) > 0 {
		target += "?" + q.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, unreachable("ask the gateway", err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, unreachable("ask the gateway", err)
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		return nil, remoteError(resp, "ask the gateway for "+path+" (status "+strconv.Itoa(resp.StatusCode)+")")
	}
	return resp, nil
}

func unreachable(op string, err error) error {
	return &haechi.Error{Kind: haechi.Unavailable, Op: op, Err: err, Hint: "is the gateway running? see haechi status"}
}
