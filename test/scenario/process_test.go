package scenario_test

import (
	"encoding/json"
	"strings"

	"haechi/test/gateway"
)

// cli runs a command against the rig's gateway.
func (r *rig) cli(args ...string) gateway.Answer {
	r.t.Helper()
	return program.Run(r.t, append(args, "--config", r.config())...)
}

// ok runs a command that must succeed.
func (r *rig) ok(args ...string) string {
	r.t.Helper()
	a := r.cli(args...)
	if a.Code != 0 {
		r.t.Fatalf("haechi %s: exit code %d: %s", strings.Join(args, " "), a.Code, a.Err)
	}
	return a.Out
}

// fails runs a command that must fail with the code and say each of the texts.
func (r *rig) fails(code int, texts []string, args ...string) {
	r.t.Helper()
	a := r.cli(args...)
	if a.Code != code {
		r.t.Errorf("haechi %s: exit code %d, want %d: %s%s", strings.Join(args, " "), a.Code, code, a.Out, a.Err)
	}
	for _, text := range texts {
		if !strings.Contains(a.Err, text) {
			r.t.Errorf("haechi %s does not say %q: %s", strings.Join(args, " "), text, a.Err)
		}
	}
}

// asked runs a command with --json that must succeed, and reads its answer.
func asked[T any](r *rig, args ...string) (v T) {
	r.t.Helper()
	out := r.ok(append(args, "--json")...)
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		r.t.Fatalf("haechi %s --json: %v: %s", strings.Join(args, " "), err, out)
	}
	return v
}
