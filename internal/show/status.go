package show

import (
	"net/http"

	"haechi"
)

// StatusOf is the HTTP status that goes with an error's kind, on the pages and in
// the JSON interface alike.
func StatusOf(k haechi.ErrorKind) int {
	switch k {
	case haechi.Invalid:
		return http.StatusBadRequest
	case haechi.NotFound:
		return http.StatusNotFound
	case haechi.Conflict:
		return http.StatusConflict
	case haechi.Denied:
		return http.StatusForbidden
	case haechi.Exhausted:
		return http.StatusTooManyRequests
	case haechi.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}
