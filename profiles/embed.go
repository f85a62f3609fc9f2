// Package profiles holds the shipped device profiles, and nothing else: one YAML file
// a protocol, as docs/profiles.md explains it. Package internal/config reads them;
// only app, cmd and the benchmarks import this one.
//
// A profile's name is its file's without the ending.
package profiles

import "embed"

// FS holds the profile files.
//
//go:embed *.yaml
var FS embed.FS
