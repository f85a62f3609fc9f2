package config

import _ "embed"

// Example is a commented file to begin with: what `haechi init` writes. It loads.
//
//go:embed testdata/good/default.yaml
var Example string
