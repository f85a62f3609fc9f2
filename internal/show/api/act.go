package api

import (
	"net/http"
	"path/filepath"
	"strings"
	"unicode"

	"haechi"
)

// maxReason bounds a reason, in bytes.
const maxReason = 500

// needReason wants a reason of one line.
func needReason(text string) error {
	if strings.TrimSpace(text) == "" {
		return invalid("the reason is missing", "say why in one line: it goes into the audit log")
	}
	return oneLine(text)
}

func oneLine(text string) error {
	if len(text) > maxReason || strings.ContainsFunc(text, unicode.IsControl) {
		return invalid("the reason is too long or has control characters", "one line of at most 500 bytes")
	}
	return nil
}

func (h *handler) setStatus(r *http.Request, op haechi.Operator) (any, error) {
	q, err := read[StatusRequest](r)
	if err != nil {
		return nil, err
	}
	if err := device(q.Device); err != nil {
		return nil, err
	}
	if q.Status == haechi.Approved {
		err = oneLine(q.Reason)
	} else {
		err = needReason(q.Reason)
	}
	if err != nil {
		return nil, err
	}
	return value(h.Devices.SetDeviceStatus(r.Context(), op, q.Device, q.Status, q.Reason))
}

func device(key string) error {
	if _, _, ok := haechi.SplitDeviceKey(key); !ok || len(key) > maxText {
		return invalid("that is no device key", "a device key looks like bot/id; see haechi devices")
	}
	return nil
}

func (h *handler) newKey(r *http.Request, op haechi.Operator) (any, error) {
	q, err := read[KeyRequest](r)
	if err != nil {
		return nil, err
	}
	if err := device(q.Device); err != nil {
		return nil, err
	}
	return value(h.Devices.NewDeviceKey(r.Context(), op, q.Device))
}

func (h *handler) retireKey(r *http.Request, op haechi.Operator) (any, error) {
	q, err := read[KeyRequest](r)
	if err != nil {
		return nil, err
	}
	if err := device(q.Device); err != nil {
		return nil, err
	}
	if q.Key == "" {
		return nil, invalid("the key's id is missing", `add "key"`)
	}
	return done{true}, h.Devices.RetireDeviceKey(r.Context(), op, q.Device, q.Key)
}

func (h *handler) addDecision(r *http.Request, op haechi.Operator) (any, error) {
	q, err := read[DecisionRequest](r)
	if err != nil {
		return nil, err
	}
	if err := needReason(q.Reason); err != nil {
		return nil, err
	}
	d, err := q.decision(op, h.Now())
	if err != nil {
		return nil, err
	}
	return value(h.Decisions.AddDecision(r.Context(), op, d))
}

func (h *handler) liftDecision(r *http.Request, op haechi.Operator) (any, error) {
	q, err := read[LiftRequest](r)
	if err != nil {
		return nil, err
	}
	id, err := haechi.ParseReference(q.ID)
	if err != nil {
		return nil, err
	}
	if err := needReason(q.Reason); err != nil {
		return nil, err
	}
	return value(h.Decisions.LiftDecision(r.Context(), op, id, q.Reason))
}

// nothing is an empty object.
type nothing struct{}

func (h *handler) reload(r *http.Request, op haechi.Operator) (any, error) {
	if _, err := read[nothing](r); err != nil {
		return nil, err
	}
	return done{true}, h.Keeper.Reload(r.Context(), op)
}

func (h *handler) backup(r *http.Request, op haechi.Operator) (any, error) {
	q, err := read[BackupRequest](r)
	if err != nil {
		return nil, err
	}
	if !filepath.IsAbs(q.Path) || strings.ContainsRune(q.Path, 0) {
		return nil, invalid("the path is not absolute", "name a file by its whole path on the gateway's machine")
	}
	return done{true}, h.Keeper.Backup(r.Context(), op, filepath.Clean(q.Path))
}

func (h *handler) verifyAudit(r *http.Request, _ haechi.Operator) (any, error) {
	if _, err := read[nothing](r); err != nil {
		return nil, err
	}
	n, err := h.Keeper.VerifyAudit(r.Context())
	return Verified{n}, err
}
