package enforce

import (
	"context"

	"haechi"
)

// Enforcer is one place where decisions are enforced.
type Enforcer interface {
	// Apply puts a batch into force at once, or none of it. A decision whose ID is
	// in force already is replaced.
	Apply(ctx context.Context, ds []haechi.Decision) error
	// Lift takes decisions out of force; unknown ones are ignored.
	Lift(ctx context.Context, ids []haechi.Reference) error
	// InForce reads back what is enforced right now, from the place of enforcement.
	InForce(ctx context.Context) ([]haechi.Decision, error)
	// Name is the enforcer's name in status and metrics.
	Name() string
}
