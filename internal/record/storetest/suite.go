package storetest

import (
	"testing"
	"time"

	"haechi/internal/record"
)

// Store is one opened store under test.
type Store struct {
	Events    record.Events
	Pruner    record.Pruner
	Eraser    record.Eraser
	Decisions record.Decisions
	Journal   record.Journal
	Devices   record.Devices
	Fleet     record.Fleet
	Codes     record.Codes
	Audit     record.Audit
	History   record.History
	Settings  record.Settings
	Hands     record.HandWatcher
	// SQL runs a statement beside the store, where kb_bot_devices lies.
	SQL   func(t *testing.T, statement string)
	Close func() error
}

// Backend makes stores: a new, empty one for each call, which reopens the same
// records each time open is called. Its clock stands at Now, its zone is Zone.
type Backend func(t *testing.T) (open func(t *testing.T) *Store)

// Now is the time of the store's clock.
func Now() time.Time { return time.Date(2025, 11, 22, 10, 30, 30, 500, time.UTC) }

// Zone is the zone of the store's reports: nine hours ahead, so that its midnight is
// not that of UTC.
func Zone() *time.Location { return time.FixedZone("KST", 9*3600) }

// Run runs the whole suite.
func Run(t *testing.T, b Backend) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, b Backend)
	}{
		{"EventRoundTrip", eventRoundTrip},
		{"RequestsAlike", requestsAlike},
		{"EverydayEvents", everydayEvents},
		{"EventFilters", eventFilters},
		{"EventFilterProperty", eventFilterProperty},
		{"EventOrderAndLimit", eventOrder},
		{"Findings", findings},
		{"Incidents", incidents},
		{"CrossView", crossView},
		{"Overview", overview},
		{"Reports", reports},
		{"TopFailures", topFailures},
		{"Devices", devices},
		{"Keys", keys},
		{"Fleet", fleet},
		{"Sightings", sightings},
		{"EnrolCodes", enrolCodes},
		{"Enrol", enrol},
		{"Decisions", decisions},
		{"DecisionScopes", decisionScopes},
		{"AuditChain", auditChain},
		{"AuditConcurrent", auditConcurrent},
		{"AuditAbout", auditAbout},
		{"Settings", settings},
		{"Prune", prune},
		{"EraseDevice", eraseDevice},
		{"BatchesAgain", batchesAgain},
		{"ExactNames", exactNames},
		{"HandChanges", handChanges},
		{"ManyDevices", manyDevices},
		{"Awkward", awkward},
		{"Concurrent", concurrent},
		{"Reopen", reopen},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // they wait for the disk
			c.run(t, b)
		})
	}
}

func opened(t *testing.T, b Backend) *Store {
	t.Helper()
	s := b(t)(t)
	t.Cleanup(func() { check(t, s.Close()) })
	return s
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
