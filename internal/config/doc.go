// Package config reads haechi.yaml. It is of no stage; only app and cmd import it.
//
// The file has a shape of its own (raw.go) and is compiled into Config (shape.go),
// plain data with every default filled in. defaults.go is the one place where a
// default is written.
//
// It promises: unknown and duplicate keys are errors; every mistake of a file is
// reported in one run, with line, column, excerpt and what to write instead;
// Effective says of every value where it comes from; what loads can be written as
// YAML and loads again to the same configuration. Anchors, aliases, merge keys,
// tags, directives and a second document are refused, and the file's size, line
// length and depth are bounded before a parser sees it.
//
// It never opens a file, a socket or the environment, and never repeats a secret:
// those are named by *_file keys, and where one was written into the file itself,
// the excerpt hides it.
package config
