package framesign

import "strings"

// CodeID finds the id in the text of an enrolment code, HC1-IIIII-… (see
// docs/device-lifecycle.md): such a code is a key like any other, under this id and
// with an empty salt.
func CodeID(text string) (id string, ok bool) {
	rest, ok := strings.CutPrefix(text, "HC1-")
	if !ok || len(rest) < 70 || rest[5] != '-' {
		return "", false
	}
	for _, c := range rest {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && c != '-' {
			return "", false
		}
	}
	return rest[:5], true
}
