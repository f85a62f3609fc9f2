package app

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"haechi"
	"haechi/internal/config"
	"haechi/internal/identity/botkeys"
	"haechi/internal/identity/signature"
	"haechi/internal/ingress/devicegate"
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
	src, err := ProfileSource(name)
	if err != nil {
		return nil, err
	}
	p, wrong := config.LoadProfile(name, src)
	if wrong != nil {
		return nil, wrong
	}
	return p, nil
}

// ProfileSource is the text of a profile's file.
func ProfileSource(name string) ([]byte, error) {
	if config.ProfileIsPath(name) {
		src, err := os.ReadFile(name)
		if err != nil {
			return nil, &haechi.Error{Kind: haechi.NotFound, Op: "read the profile", Err: err, Hint: "haechi profile show messengerbot prints one to begin with"}
		}
		return src, nil
	}
	src, err := profiles.FS.ReadFile(name + ".yaml")
	if err != nil {
		return nil, &haechi.Error{Kind: haechi.NotFound, Op: "read the profile " + name, Msg: "no profile of that name is shipped",
			Hint: "write one of " + strings.Join(ProfileNames(), ", ") + ", or the path of a file that ends in .yaml"}
	}
	return src, nil
}

// Beside makes the paths in a configuration that are relative to its file so; once.
func Beside(cfg *config.Config, path string) { besideFile(cfg, path) }

// besideFile makes the paths of a service's own files relative to the configuration's.
func besideFile(cfg *config.Config, path string) {
	beside := func(name string) string {
		if name == "" || filepath.IsAbs(name) {
			return name
		}
		return filepath.Join(filepath.Dir(path), name)
	}
	cfg.Shield.Socket, cfg.Sensor.Patterns = beside(cfg.Shield.Socket), beside(cfg.Sensor.Patterns)
	cfg.Records.SecurityLog, cfg.Records.Backups = beside(cfg.Records.SecurityLog), beside(cfg.Records.Backups)
	for i := range cfg.Shield.Lists {
		cfg.Shield.Lists[i].File = beside(cfg.Shield.Lists[i].File)
	}
	for i := range cfg.Services {
		s := &cfg.Services[i]
		if config.ProfileIsPath(s.Profile) {
			s.Profile = beside(s.Profile)
		}
		s.Device.Database.DSNFile = beside(s.Device.Database.DSNFile)
		s.Device.KeysFile = beside(s.Device.KeysFile)
		s.TLS.ACME.CAFile = beside(s.TLS.ACME.CAFile)
		s.TLS.Clients.CA, s.TLS.Clients.CRL = beside(s.TLS.Clients.CA), beside(s.TLS.Clients.CRL)
		besideRules(&s.WAF, beside)
	}
}

// checkProfiles loads every service's profile, and what belongs to it.
func checkProfiles(cfg *config.Config) error {
	var errs []error
	for i := range cfg.Services {
		if s := &cfg.Services[i]; s.Kind == kindDevice {
			p, err := LoadProfile(s.Profile)
			if err == nil {
				_, err = serviceKeys(s, &p.Profile)
			}
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// LoadKeys reads a key file for a profile whose keys are not the registry's. Errors are
// of kind NotFound or Invalid.
func LoadKeys(path string, p *haechi.Profile) (*botkeys.Ring, error) {
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, &haechi.Error{Kind: haechi.NotFound, Op: "read the key file", Err: err, Hint: "correct device.keys_file; it is relative to the configuration"}
	}
	scheme := p.Sign.Scheme
	ring, err := botkeys.Load(src, botkeys.Options{Scheme: scheme, Global: p.Keys == haechi.KeysGlobal, Usable: func(s haechi.Secret) bool {
		_, ok := signature.KeyBytes(scheme.KeyForm, s)
		return ok
	}})
	if broken := (*haechi.Error)(nil); errors.As(err, &broken) {
		broken.Op += " " + path
	}
	return ring, err
}

// serviceKeys are a device service's own keys; nil: it uses the registry's.
func serviceKeys(s *config.Service, p *haechi.Profile) (*botkeys.Ring, error) {
	wrong := func(msg, hint string) error {
		return &haechi.Error{Kind: haechi.Invalid, Op: "services." + s.Name + ".device", Msg: msg, Hint: hint}
	}
	if s.Device.Binding != haechi.BindOff && p.Bind == nil && p.Sign.Scheme.Digest < 0 {
		return nil, wrong("the profile "+p.Name+" has no signature that covers the whole frame", "leave binding out, or add bind: to the profile")
	}
	switch needs := p.Keys != haechi.KeysOfDevice; {
	case needs && s.Device.KeysFile == "":
		return nil, wrong("the profile "+p.Name+" takes its keys from a file, and none is named", "write keys_file: with its name; docs/profiles.md shows its shape")
	case !needs && s.Device.KeysFile == "":
		return nil, nil
	case !needs: // keys of a fleet, beside those of each device
		fleet := *p
		fleet.Keys = haechi.KeysGlobal
		return LoadKeys(s.Device.KeysFile, &fleet)
	}
	return LoadKeys(s.Device.KeysFile, p)
}

// proverOf is the verifier with the keys of the service. A key file that others may
// read is warned about: whoever reads it can sign for every device.
func proverOf(s *config.Service, p *haechi.Profile, e *estate) (devicegate.Prover, error) {
	ring, err := serviceKeys(s, p)
	if ring == nil || err != nil {
		return e.verifier, err
	}
	if st, err := os.Stat(s.Device.KeysFile); err == nil && st.Mode().Perm()&0o077 != 0 {
		e.log.Warn("others may read the key file: chmod 600 it", "service", s.Name, "file", s.Device.KeysFile, "mode", st.Mode().Perm().String())
	}
	return e.verifier.With(&fileKeys{Ring: ring, registry: e.registry, own: p.Keys == haechi.KeysOfDevice}), nil
}
