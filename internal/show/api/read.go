package api

import (
	"net/http"

	"haechi"
)

func (h *handler) overview(r *http.Request, _ haechi.Operator) (any, error) {
	return with(r, h.Watcher.Overview)
}

func (h *handler) status(r *http.Request, _ haechi.Operator) (any, error) {
	return with(r, h.Watcher.Status)
}

func (h *handler) events(r *http.Request, _ haechi.Operator) (any, error) {
	f, err := eventFilter(r)
	if err != nil {
		return nil, err
	}
	return list(h.Watcher.Events(r.Context(), f))
}

func (h *handler) findings(r *http.Request, _ haechi.Operator) (any, error) {
	n, err := onlyLimit(r)
	if err != nil {
		return nil, err
	}
	return list(h.Watcher.Findings(r.Context(), n))
}

func (h *handler) incidents(r *http.Request, _ haechi.Operator) (any, error) {
	n, err := onlyLimit(r)
	if err != nil {
		return nil, err
	}
	return list(h.Watcher.Incidents(r.Context(), n))
}

func (h *handler) devices(r *http.Request, _ haechi.Operator) (any, error) {
	f, err := deviceFilter(r)
	if err != nil {
		return nil, err
	}
	return list(h.Devices.Devices(r.Context(), f))
}

func (h *handler) decisions(r *http.Request, _ haechi.Operator) (any, error) {
	f, err := decisionFilter(r, h.Now())
	if err != nil {
		return nil, err
	}
	return list(h.Decisions.Decisions(r.Context(), f))
}

func (h *handler) why(r *http.Request, _ haechi.Operator) (any, error) {
	q, err := onlyText(r, "q")
	if err != nil {
		return nil, err
	}
	return value(h.Explainer.Why(r.Context(), q))
}

func (h *handler) rules(r *http.Request, _ haechi.Operator) (any, error) {
	if err := known(r); err != nil {
		return nil, err
	}
	return list(h.Explainer.Rules(r.Context()))
}

func (h *handler) reports(r *http.Request, _ haechi.Operator) (any, error) {
	if err := known(r); err != nil {
		return nil, err
	}
	return list(h.Explainer.Reports(r.Context()), nil)
}

func (h *handler) report(r *http.Request, _ haechi.Operator) (any, error) {
	name, err := onlyText(r, "name")
	if err != nil {
		return nil, err
	}
	return value(h.Explainer.Report(r.Context(), name))
}

func (h *handler) audit(r *http.Request, _ haechi.Operator) (any, error) {
	n, err := onlyLimit(r)
	if err != nil {
		return nil, err
	}
	return list(h.Keeper.Audit(r.Context(), n))
}
