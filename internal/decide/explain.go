package decide

import "haechi"

// Protected says why nothing may be decided against the scope, or "" if it may.
func (d *Decider) Protected(s haechi.Scope) string {
	scope, ok := canonical(s, d.cfg.V6Bits)
	if !ok {
		return ""
	}
	why, _ := d.overtaken(scope)
	return why
}

// LiftCommands are the commands that would lift the decisions, one each, as a
// person types them. Lifted ones have none.
func LiftCommands(ds []haechi.Decision) []string {
	var out []string
	for i := range ds {
		if ds[i].LiftedAt.IsZero() {
			out = append(out, "haechi decisions lift "+string(ds[i].ID))
		}
	}
	return out
}
