package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"haechi/internal/inspect/waf"
)

// extractRules writes the Core Rule Set that the gateway holds into a folder, for
// ModSecurity.
func extractRules(into string) error {
	const from = "@owasp_crs"
	files := waf.Ruleset{}.Files()
	all, err := fs.ReadDir(files, from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(into, 0o755); err != nil {
		return err
	}
	for _, f := range all {
		text, err := fs.ReadFile(files, from+"/"+f.Name())
		if err != nil {
			return err
		}
		if strings.HasSuffix(f.Name(), ".conf") {
			text = spaced(text)
		}
		if err := os.WriteFile(filepath.Join(into, f.Name()), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// spaced puts an empty line after every rule. ModSecurity 3.0.9 does not see the end of
// a chained rule without actions otherwise.
func spaced(text []byte) []byte {
	var out bytes.Buffer
	for line := range bytes.Lines(text) {
		out.Write(line)
		if bare := bytes.TrimSpace(line); len(bare) > 0 && bare[len(bare)-1] != '\\' {
			out.WriteByte('\n')
		}
	}
	return out.Bytes()
}
