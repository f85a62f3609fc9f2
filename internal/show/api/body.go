package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"haechi"
)

// maxBody bounds a request body, in bytes.
const maxBody = 64 << 10

// StatusRequest changes a device's status. A reason is required but for approving.
type StatusRequest struct {
	Device string              `json:"device"`
	Status haechi.DeviceStatus `json:"status"`
	Reason string              `json:"reason"`
}

// KeyRequest names a device, and for retiring the id of one of its keys.
type KeyRequest struct {
	Device string `json:"device"`
	Key    string `json:"key,omitempty"`
}

// DecisionRequest asks for an operator's decision.
type DecisionRequest struct {
	Scope   haechi.Scope  `json:"scope"`
	Service string        `json:"service,omitempty"` // empty: every service
	Action  haechi.Action `json:"action"`
	Mode    haechi.Mode   `json:"mode,omitempty"` // unset: enforce
	Reason  string        `json:"reason"`
	For     string        `json:"for,omitempty"` // a duration such as "1h"; empty: no end
}

// LiftRequest lifts a decision.
type LiftRequest struct {
	ID     string `json:"id"`
	Reason string `json:"reason"`
}

// BackupRequest names the file to write, an absolute path on the gateway's machine.
type BackupRequest struct {
	Path string `json:"path"`
}

// Verified is the answer of a verified audit chain.
type Verified struct {
	Entries uint64 `json:"entries"`
}

// read decodes a strict JSON object: one object, no unknown, doubled or
// differently cased name, nothing after it, at most 64 KiB.
func read[T any](r *http.Request) (T, error) { return readUpTo[T](r, maxBody) }

// readUpTo is read for an endpoint that takes another number of bytes.
func readUpTo[T any](r *http.Request, most int64) (v T, err error) {
	if err := known(r); err != nil {
		return v, err
	}
	if t, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "application/json" {
		return v, invalid("the body is not declared as JSON", "send Content-Type: application/json")
	}
	b, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, most))
	if err != nil {
		var tooLong *http.MaxBytesError
		if errors.As(err, &tooLong) {
			return v, invalid("the body is too long", fmt.Sprintf("at most %d KiB", most>>10))
		}
		return v, &haechi.Error{Kind: haechi.Invalid, Op: "read the request", Msg: "the body ended early", Err: err}
	}
	if err := distinct(b); err != nil {
		return v, err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&v); err != nil {
		return v, decodeError(err)
	}
	return v, nil
}

// decodeError keeps an Invalid error of the dictionary (an unknown status, say)
// and words the rest.
func decodeError(err error) error {
	if e := (*haechi.Error)(nil); errors.As(err, &e) {
		return err
	}
	return &haechi.Error{Kind: haechi.Invalid, Op: "read the request", Msg: "the body is not what is expected here", Err: err,
		Hint: "compare the field names with the documentation"}
}

// distinct wants exactly one object whose names differ by more than case:
// encoding/json would take the last of two equal ones, and match any case.
func distinct(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return invalid("the body is no JSON object", "send one object")
	}
	seen := map[string]bool{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return invalid("the body is malformed JSON", "send one object")
		}
		if seen[name] || name != strings.ToLower(name) {
			return invalid(fmt.Sprintf("the name %q is doubled or wrongly spelt", clip(name)), "every name once, in lower case")
		}
		seen[name] = true
		var skip json.RawMessage
		if err := d.Decode(&skip); err != nil {
			return invalid("the body is malformed JSON", "send one object")
		}
	}
	if _, err := d.Token(); err != nil {
		return invalid("the body is malformed JSON", "close the object")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return invalid("something follows the JSON object", "send one object")
	}
	return nil
}

// decision turns the request into a decision that begins now.
func (q *DecisionRequest) decision(op haechi.Operator, now time.Time) (haechi.Decision, error) {
	d := haechi.Decision{Scope: q.Scope, Service: q.Service, Action: q.Action, Mode: q.Mode, Reason: q.Reason,
		Origin: haechi.OriginOperator, By: op.Name, From: now}
	if q.Scope.Kind == haechi.ScopeNone {
		return d, invalid("the decision names nobody", `add "scope", for example "ip:203.0.113.7"`)
	}
	if q.Action == haechi.Pass || q.Action == haechi.Hold {
		return d, invalid(q.Action.String()+" is no action for a decision", "use watch, throttle, challenge, deny or drop")
	}
	if d.Mode == haechi.ModeUnset {
		d.Mode = haechi.Enforce
	}
	if q.For == "" {
		return d, nil
	}
	length, err := time.ParseDuration(q.For)
	if err != nil || length <= 0 {
		return d, invalid("for is no positive duration", `write it as "30m" or "24h"`)
	}
	d.Until = now.Add(length)
	return d, nil
}
