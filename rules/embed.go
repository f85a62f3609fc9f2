// Package rules holds the shipped detection rules, and nothing else: one YAML file
// a rule, each with examples that must and must not fire. Those in network/ name a
// detector, whose examples are scenarios beside its code. The grammar is described
// in package internal/detect/rules, which reads them; only app imports this one.
//
// A rule's id is its path without the ending. It promises that every number has
// its reason beside it.
package rules

import "embed"

// FS holds the rule files.
//
//go:embed auth client device http network service
var FS embed.FS

// Logs holds the shipped log patterns, in the form that package internal/sensor/logline
// describes.
//
//go:embed logs
var Logs embed.FS
