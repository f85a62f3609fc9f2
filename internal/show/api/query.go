package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"haechi"
)

const (
	maxLimit = 10_000 // rows in one answer
	maxText  = 512    // bytes in one query parameter
)

// known refuses query parameters that the endpoint does not have: a misspelt
// filter must not silently select everything.
func known(r *http.Request, names ...string) error {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return invalid("the query string is malformed", "encode the parameters")
	}
	for name, values := range q {
		switch {
		case !slices.Contains(names, name):
			return invalid(fmt.Sprintf("there is no parameter %q", clip(name)), fmt.Sprintf("the parameters are %v", names))
		case len(values) > 1 && name != "kind" && name != "status":
			return invalid("the parameter "+name+" is given twice", "give it once")
		case slices.ContainsFunc(values, func(v string) bool { return len(v) > maxText }):
			return invalid("the parameter "+name+" is too long", fmt.Sprintf("at most %d bytes", maxText))
		}
	}
	return nil
}

func clip(s string) string { return s[:min(len(s), 40)] }

func invalid(msg, hint string) error {
	return &haechi.Error{Kind: haechi.Invalid, Op: "read the request", Msg: msg, Hint: hint}
}

func limit(q url.Values) (int, error) {
	text := q.Get("limit")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > maxLimit {
		return 0, invalid("limit is no number from 1 to 10000", "for example limit=100")
	}
	return n, nil
}

func onlyLimit(r *http.Request) (int, error) {
	if err := known(r, "limit"); err != nil {
		return 0, err
	}
	return limit(r.URL.Query())
}

func onlyText(r *http.Request, name string) (string, error) {
	if err := known(r, name); err != nil {
		return "", err
	}
	v := r.URL.Query().Get(name)
	if v == "" {
		return "", invalid("the parameter "+name+" is missing", "add ?"+name+"=…")
	}
	return v, nil
}

func instant(q url.Values, name string) (time.Time, error) {
	text := q.Get(name)
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return time.Time{}, invalid(name+" is no time", "write it as 2006-01-02T15:04:05Z")
	}
	return t, nil
}

func flag(q url.Values, name string) (bool, error) {
	switch q.Get(name) {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	}
	return false, invalid(name+" is neither true nor false", "write "+name+"=true")
}

// text parses one parameter by its type's own text form.
func text[T any, P interface {
	*T
	UnmarshalText([]byte) error
}](q url.Values, name string) (v T, err error) {
	if s := q.Get(name); s != "" {
		err = P(&v).UnmarshalText([]byte(s))
	}
	return v, err
}

func texts[T any, P interface {
	*T
	UnmarshalText([]byte) error
}](q url.Values, name string) ([]T, error) {
	var all []T
	for _, s := range q[name] {
		var v T
		if err := P(&v).UnmarshalText([]byte(s)); err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}
