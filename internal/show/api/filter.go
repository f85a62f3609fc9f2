package api

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"haechi"
)

// eventFilter reads since, until (RFC 3339), kind (may repeat), service, device,
// source (a scope), ref, failures, severity and limit.
func eventFilter(r *http.Request) (f haechi.EventFilter, err error) {
	if err := known(r, "since", "until", "kind", "service", "device", "source", "ref", "failures", "severity", "limit"); err != nil {
		return f, err
	}
	q := r.URL.Query()
	f.Service, f.Device = q.Get("service"), q.Get("device")
	var errs [8]error
	f.Since, errs[0] = instant(q, "since")
	f.Until, errs[1] = instant(q, "until")
	f.Kinds, errs[2] = texts[haechi.Kind](q, "kind")
	f.Source, errs[3] = text[haechi.Scope](q, "source")
	f.Ref, errs[4] = reference(q, "ref")
	f.Failures, errs[5] = flag(q, "failures")
	f.AtLeast, errs[6] = text[haechi.Severity](q, "severity")
	f.Limit, errs[7] = limit(q)
	return f, errors.Join(errs[:]...)
}

func eventQuery(f haechi.EventFilter) url.Values {
	q := url.Values{}
	setTime(q, "since", f.Since)
	setTime(q, "until", f.Until)
	for _, k := range f.Kinds {
		q.Add("kind", k.String())
	}
	set(q, "service", f.Service)
	set(q, "device", f.Device)
	set(q, "source", f.Source.String())
	set(q, "ref", string(f.Ref))
	if f.Failures {
		q.Set("failures", "true")
	}
	if f.AtLeast > haechi.Info {
		q.Set("severity", f.AtLeast.String())
	}
	setLimit(q, f.Limit)
	return q
}

func deviceFilter(r *http.Request) (f haechi.DeviceFilter, err error) {
	if err := known(r, "key", "status", "service", "limit"); err != nil {
		return f, err
	}
	q := r.URL.Query()
	f.Key, f.Service = q.Get("key"), q.Get("service")
	var errs [2]error
	f.Statuses, errs[0] = texts[haechi.DeviceStatus](q, "status")
	f.Limit, errs[1] = limit(q)
	return f, errors.Join(errs[:]...)
}

func deviceQuery(f haechi.DeviceFilter) url.Values {
	q := url.Values{}
	for _, s := range f.Statuses {
		q.Add("status", s.String())
	}
	set(q, "key", f.Key)
	set(q, "service", f.Service)
	setLimit(q, f.Limit)
	return q
}

// decisionFilter reads all (true: ended and lifted ones as well), id,
// about (a scope), since and limit.
func decisionFilter(r *http.Request, now time.Time) (f haechi.DecisionFilter, err error) {
	if err := known(r, "all", "id", "about", "since", "limit"); err != nil {
		return f, err
	}
	q := r.URL.Query()
	var errs [5]error
	var all bool
	all, errs[0] = flag(q, "all")
	f.ID, errs[1] = reference(q, "id")
	f.About, errs[2] = text[haechi.Scope](q, "about")
	f.Since, errs[3] = instant(q, "since")
	f.Limit, errs[4] = limit(q)
	if !all {
		f.OpenAt = now
	}
	return f, errors.Join(errs[:]...)
}

// decisionQuery is the inverse; OpenAt counts only as zero or not.
func decisionQuery(f haechi.DecisionFilter) url.Values {
	q := url.Values{}
	if f.OpenAt.IsZero() {
		q.Set("all", "true")
	}
	set(q, "id", string(f.ID))
	set(q, "about", f.About.String())
	setTime(q, "since", f.Since)
	setLimit(q, f.Limit)
	return q
}

func reference(q url.Values, name string) (haechi.Reference, error) {
	if q.Get(name) == "" {
		return "", nil
	}
	return haechi.ParseReference(q.Get(name))
}

func set(q url.Values, name, v string) {
	if v != "" {
		q.Set(name, v)
	}
}

func setTime(q url.Values, name string, t time.Time) {
	if !t.IsZero() {
		q.Set(name, t.UTC().Format(time.RFC3339Nano))
	}
}

func setLimit(q url.Values, n int) {
	if n > 0 {
		q.Set("limit", strconv.Itoa(n))
	}
}
