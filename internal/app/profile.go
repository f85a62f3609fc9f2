package app

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"haechi"
	"haechi/internal/config"
	"haechi/profiles"
)

// ProfileNames are the shipped profiles.
func ProfileNames() []string {
	list, err := fs.Glob(profiles.FS, "*.yaml")
	if err != nil { // the pattern is right
		return nil
	}
	for i := range list {
		list[i] = strings.TrimSuffix(list[i], ".yaml")
	}
	return list
}

// LoadProfile reads a shipped profile by its name, or one of an operator's by the path
// of its file. Errors are of kind NotFound, or a [config.Errors] with everything that
// is wrong.
func LoadProfile(name string) (*config.Profile, error) {
	src, err := profiles.FS.ReadFile(name + ".yaml")
	if !config.ProfileIsPath(name) && err != nil {
		return nil, &haechi.Error{Kind: haechi.NotFound, Op: "read the profile " + name, Msg: "no profile of that name is shipped",
			Hint: "write one of " + strings.Join(ProfileNames(), ", ") + ", or the path of a file that ends in .yaml"}
	}
	if config.ProfileIsPath(name) {
		if src, err = os.ReadFile(name); err != nil {
			return nil, &haechi.Error{Kind: haechi.NotFound, Op: "read the profile", Err: err, Hint: "haechi profile show messengerbot prints one to begin with"}
		}
	}
	p, wrong := config.LoadProfile(name, src)
	if wrong != nil {
		return nil, wrong
	}
	return p, nil
}

// besideFile makes the paths of a service's own files relative to the configuration's.
func besideFile(cfg *config.Config, path string) {
	beside := func(name string) string {
		if name == "" || filepath.IsAbs(name) {
			return name
		}
		return filepath.Join(filepath.Dir(path), name)
	}
	for i := range cfg.Services {
		s := &cfg.Services[i]
		if config.ProfileIsPath(s.Profile) {
			s.Profile = beside(s.Profile)
		}
		s.Device.Database.DSNFile = beside(s.Device.Database.DSNFile)
	}
}

// checkProfiles loads every service's profile, and what belongs to it.
func checkProfiles(cfg *config.Config) error {
	var errs []error
	for i := range cfg.Services {
		if s := &cfg.Services[i]; s.Kind == kindDevice {
			_, err := LoadProfile(s.Profile)
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
