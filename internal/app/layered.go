package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"haechi"
)

// layered is a tree of files in which those of over stand in place of those of under.
type layered struct{ over, under fs.FS }

// Open implements fs.FS.
func (l layered) Open(name string) (fs.File, error) {
	f, err := l.over.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return l.under.Open(name)
	}
	return f, err
}

// ReadDir implements fs.ReadDirFS. What is a folder on one side and a file on the other
// is refused: nobody means that, and it would hide all that lies below.
func (l layered) ReadDir(name string) ([]fs.DirEntry, error) {
	over, err1 := fs.ReadDir(l.over, name)
	under, err2 := fs.ReadDir(l.under, name)
	if err1 != nil && !errors.Is(err1, fs.ErrNotExist) || err1 != nil && err2 != nil {
		return nil, err1
	}
	if err2 != nil && !errors.Is(err2, fs.ErrNotExist) {
		return nil, err2
	}
	for _, u := range under {
		i := slices.IndexFunc(over, func(o fs.DirEntry) bool { return o.Name() == u.Name() })
		if i < 0 {
			over = append(over, u)
		} else if over[i].IsDir() != u.IsDir() {
			return nil, fmt.Errorf("%s: a folder here and a file there; links to folders are not followed", u.Name())
		}
	}
	slices.SortFunc(over, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return over, nil
}

// holdsRules reports an error of kind NotFound if there is no file of a rule below dir.
func holdsRules(dir string) error {
	found := errors.New("found")
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && d.Name() == "logs":
			return fs.SkipDir
		case !d.IsDir() && strings.HasSuffix(name, ".yaml"):
			return found
		}
		return nil
	})
	switch {
	case err == nil:
		err = errors.New("there is no file of a rule")
	case errors.Is(err, found):
		return nil
	}
	return &haechi.Error{Kind: haechi.NotFound, Op: "read the rules of " + dir, Err: err,
		Hint: "name a folder laid out as rules/ of the source, with one file a rule, for example network/port-scan.yaml"}
}
