package config

import "regexp"

// stateKey finds the state folder in a file that is no YAML.
var stateKey = regexp.MustCompile(`(?m)^state:[ \t]+["']?([^"'#\r\n]+?)["']?[ \t]*(?:#.*)?\r?$`)

// stateLine is the folder that such a file names, or the default one.
func stateLine(src []byte) string {
	if m := stateKey.FindSubmatch(src); m != nil {
		return string(m[1])
	}
	return defaults().State
}

// in notes the state folder.
func (e *Errors) in(state string) *Errors {
	e.State = state
	return e
}
