package haechi

import "fmt"

// enum is the shared text form of the small closed sets of this package: a
// value is the index of its name. Index 0 is the zero value.
type enum interface{ ~uint8 }

func enumText[T enum](names []string, v T) string {
	if int(v) < len(names) {
		return names[v]
	}
	return fmt.Sprintf("invalid(%d)", uint8(v))
}

func parseEnum[T enum](what string, names []string, text string) (T, error) {
	for i, n := range names {
		if n == text {
			return T(i), nil
		}
	}
	return 0, &Error{Kind: Invalid, Op: "parse " + what, Msg: fmt.Sprintf("%q is no %s", text, what),
		Hint: fmt.Sprintf("use one of %v", names)}
}
