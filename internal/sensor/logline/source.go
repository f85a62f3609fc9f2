package logline

import "haechi/internal/brick/yamlfile"

// patternFile is a pattern's file.
type patternFile struct {
	*yamlfile.File
	raw raw
}

func parseFile(name string, text []byte) *patternFile {
	s := new(patternFile)
	s.File = yamlfile.ParsePlain(name, text, &s.raw)
	return s
}
