// Package web holds the console's templates, style, scripts and logo, and the
// two libraries it serves from its own origin (web/vendor, with their licences
// and hashes). There is no build step. It is imported by app only, which hands
// the files to the console; it holds no code of its own.
package web

import (
	"embed"
	"io/fs"
)

//go:embed templates static vendor
var files embed.FS

// Files returns the folders templates, static and vendor.
func Files() fs.FS { return files }
