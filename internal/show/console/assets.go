package console

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strings"
)

// assets serves the files of the folders static and vendor from memory, each
// under a version that is its content's hash.
type assets struct {
	files map[string]asset // by path, for example "static/app.css"
}

type asset struct {
	body    []byte
	version string
	kind    string
}

// loadAssets reads the files that a page may ask for.
func loadAssets(from fs.FS) (*assets, error) {
	a := &assets{files: map[string]asset{}}
	for _, folder := range []string{"static", "vendor"} {
		err := fs.WalkDir(from, folder, func(name string, d fs.DirEntry, err error) error {
			kind := contentType(name)
			if err != nil || d.IsDir() || kind == "" {
				return err
			}
			b, err := fs.ReadFile(from, name)
			if err != nil {
				return err
			}
			sum := sha256.Sum256(b)
			a.files[name] = asset{body: b, version: hex.EncodeToString(sum[:6]), kind: kind}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return a, nil
}

// contentType is fixed here: the machine's own table must not change it.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return ""
}

// url is the address of an asset with its version; empty for an unknown one.
func (a *assets) url(name string) string {
	f, ok := a.files[name]
	if !ok {
		return ""
	}
	return "/" + name + "?v=" + f.version
}

// ServeHTTP implements http.Handler.
func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f, ok := a.files[strings.TrimPrefix(r.URL.Path, "/")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("ETag", `"`+f.version+`"`)
	h.Set("Cache-Control", "no-cache")
	if r.URL.Query().Get("v") == f.version {
		h.Set("Cache-Control", "max-age=31536000, immutable")
	}
	if strings.Contains(r.Header.Get("If-None-Match"), f.version) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	_, _ = w.Write(f.body) // the peer went away: nothing is left to tell it
}
