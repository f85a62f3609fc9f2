package app

import (
	"context"
	"errors"
	"path/filepath"
	"time"

	"haechi"
	"haechi/internal/config"
	"haechi/internal/record"
	"haechi/internal/record/audit"
	"haechi/internal/record/mysql"
	"haechi/internal/record/sqlite"
)

// records is the store, whichever it is.
type records interface {
	record.Events
	record.Pruner
	record.Eraser
	record.Decisions
	record.Journal
	record.Devices
	record.Fleet
	record.Codes
	record.Audit
	record.History
	record.Settings
	record.HandWatcher
	audit.Anchored
	Reports() []string
	Backup(ctx context.Context, path string) error
	Where() string
	// Rest gives back the memory that only a busy time needs.
	Rest(ctx context.Context) error
	Close() error
}

// openStore opens the records where the configuration says. A database that does not
// answer at the start is an error: nobody could be admitted by a registry that was
// never read.
func (e *estate) openStore(ctx context.Context) (records, error) {
	s := e.cfg.Records.Store
	if s.DSNFile == "" {
		return sqlite.Open(ctx, sqlite.Config{Dir: e.cfg.State, Zone: e.cfg.Zone, Now: e.now, Log: e.log})
	}
	if err := sqlite.PrepareDir(e.cfg.State); err != nil { // for the spool and the local socket
		return nil, err
	}
	ctx, stop := context.WithTimeout(ctx, openRecordsFor)
	defer stop()
	return mysql.Open(ctx, mysql.Config{DSNFile: s.DSNFile, CA: s.CAFile, Conns: s.Pool, Zone: e.cfg.Zone, Now: e.now, Log: e.log})
}

// attemptFor bounds one write to a database, so that one which hangs is spooled past
// before the writer's queue is full. A write that was done after all is not done twice.
const attemptFor = 2 * time.Second

// openRecordsFor bounds the start on a database, a migration of large tables included.
const openRecordsFor = 10 * time.Minute

func (e *estate) openRecords(ctx context.Context) (err error) {
	if e.store, err = e.openStore(ctx); err != nil {
		return err
	}
	w := record.WriterConfig{SpoolPath: filepath.Join(e.cfg.State, "events.spool"), SpoolMax: e.cfg.Records.Store.Spool,
		Journal: e.store, Now: e.now, Log: e.log}
	if e.cfg.Records.Store.DSNFile == "" {
		w.Room = func() bool { return hasRoom(e.cfg.State) }
	} else {
		w.Attempt = attemptFor
	}
	e.writer = record.NewWriter(w, e.store)
	return nil
}

// recordsStatus says where the records lie and how far they are behind.
func (e *estate) recordsStatus() haechi.RecordsStatus {
	s := e.writer.State()
	return haechi.RecordsStatus{Where: e.store.Where(), Waiting: s.Waiting, Failing: s.Failing, CatchingUp: s.CatchingUp}
}

// VerifyAudit checks the audit chain of records that no gateway uses.
func VerifyAudit(ctx context.Context, cfg *config.Config) (n uint64, err error) {
	store, err := (&estate{cfg: cfg, now: time.Now}).openStore(ctx)
	if err != nil {
		return 0, err
	}
	n, err = verifyChain(ctx, store)
	if cerr := store.Close(); err == nil {
		err = cerr
	}
	return n, err
}

func verifyChain(ctx context.Context, store records) (uint64, error) {
	head, err := audit.Verify(ctx, store)
	return head.Seq, err
}

// Restore puts a backup into an empty state folder.
func Restore(ctx context.Context, path, dir string) error { return sqlite.Restore(ctx, path, dir) }

// handEvery is how often changes made by SQL are looked for; the documents' statement
// (row A89) must have ended the session within 5 s.
const handEvery = 2 * time.Second

// watchHands takes up what an operator wrote into kb_bot_devices with SQL.
func (a *App) watchHands(ctx context.Context) error {
	return every(ctx, handEvery, func() { a.takeUpHands(ctx) })
}

// takeUpHands does so once. A change whose audit entry cannot be written waits for the
// next time.
func (a *App) takeUpHands(ctx context.Context) {
	changes, err := a.estate.store.HandChanges(ctx)
	if err != nil {
		a.opts.Log.Debug("changes made by SQL cannot be read", "err", err) // the records' own state says so aloud
		return
	}
	for _, c := range changes {
		err := a.control.ByHand(ctx, c.Device, c.Status, c.Reason)
		if err != nil {
			a.opts.Log.Warn("a change made by SQL was not taken up", "device", c.Device, "status", c.Status, "err", err)
		}
		switch haechi.KindOf(err) {
		case haechi.Unavailable, haechi.Internal:
			if err != nil {
				continue
			}
		}
		if err := a.estate.store.SettleHandChange(ctx, c); err != nil && !errors.Is(err, context.Canceled) {
			a.opts.Log.Warn("a change made by SQL stays unsettled; it is tried again", "device", c.Device, "err", err)
		}
	}
}
