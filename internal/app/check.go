package app

import (
	"errors"
	"io/fs"

	"haechi/internal/config"
	"haechi/internal/detect/rules"
	shipped "haechi/rules"
)

// Check finds the mistakes of a loaded configuration that show only against the
// rules, the profiles and a database's file: unknown ids, overrides that a rule cannot
// take, unknown log patterns, profiles that do not load, a file without a data source name, deny lists that are none. path is the configuration's file. Errors are of kind Invalid, all of
// them in one.
func Check(cfg *config.Config, path string) error {
	besideFile(cfg, path)
	_, err := loadRules(cfg)
	_, logs := logSets(cfg)
	return errors.Join(err, logs, checkProfiles(cfg), checkDatabase(cfg), checkWaf(cfg), checkLists(cfg))
}

func loadRules(cfg *config.Config) (*rules.Set, error) { return rulesOf(shipped.FS, cfg) }

func rulesOf(files fs.FS, cfg *config.Config) (*rules.Set, error) {
	return rules.Load(files, ruleOptions(cfg))
}

func ruleOptions(cfg *config.Config) rules.Options {
	return rules.Options{Overrides: ruleOverrides(cfg), Zone: cfg.Zone, Zones: serviceZones(cfg), Detectors: networkDefaults()}
}
