package app

import (
	"haechi/internal/config"
	"haechi/internal/detect/rules"
	shipped "haechi/rules"
)

// Check finds the mistakes of a loaded configuration that show only against the
// rules: unknown ids, and overrides that a rule cannot take. Errors are of kind
// Invalid, all of them in one.
func Check(cfg *config.Config) error {
	_, err := loadRules(cfg)
	return err
}

func loadRules(cfg *config.Config) (*rules.Set, error) {
	return rules.Load(shipped.FS, rules.Options{Overrides: ruleOverrides(cfg), Zone: cfg.Zone, Zones: serviceZones(cfg)})
}
