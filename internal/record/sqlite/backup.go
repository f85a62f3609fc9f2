package sqlite

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"haechi"
	"haechi/internal/record"
)

// manifestFile is the first entry of a backup.
const manifestFile = "manifest.json"

// manifest says what a backup holds.
type manifest struct {
	Made   time.Time         `json:"made"`
	Schema map[string]int    `json:"schema"`
	Audit  record.ChainHead  `json:"audit_head"`
	SHA256 map[string]string `json:"sha256"`
}

// backupFiles are the entries after the manifest, in order.
func backupFiles() []string { return []string{StateFile, EventsFile} }

// Backup writes both files into one tar at the path, mode 0600, without stopping
// anything. Each file is consistent in itself; events.db is read after state.db and
// may be a little newer. A path that exists is refused with kind Conflict. The
// backup holds the device keys: keep it as safe as the store.
func (s *Store) Backup(ctx context.Context, path string) error {
	if _, err := os.Lstat(path); err == nil {
		return exists(path)
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), ".haechi-backup-*") // mode 0700
	if err != nil {
		return &haechi.Error{Kind: haechi.Unavailable, Op: "back up", Err: err}
	}
	err = s.backup(ctx, dir, path)
	return failure("back up", errors.Join(err, os.RemoveAll(dir)))
}

func exists(path string) error {
	return &haechi.Error{Kind: haechi.Conflict, Op: "back up", Msg: path + " exists", Hint: "give a name that is free"}
}

func (s *Store) backup(ctx context.Context, dir, path string) error {
	m := manifest{Made: s.cfg.Now().UTC(), Schema: map[string]int{StateFile: stateKind().versions, EventsFile: eventsKind().versions},
		SHA256: map[string]string{}}
	for name, db := range map[string]*database{StateFile: s.state, EventsFile: s.events} {
		copied := filepath.Join(dir, name)
		if err := copyDatabase(ctx, db.path, copied); err != nil {
			return err
		}
		sum, err := sumFile(copied)
		if err != nil {
			return err
		}
		m.SHA256[name] = sum
	}
	var err error
	if m.Audit, err = headOf(ctx, filepath.Join(dir, StateFile)); err != nil {
		return err
	}
	packed := filepath.Join(dir, "backup.tar")
	if err := pack(packed, dir, m); err != nil {
		return err
	}
	if err := os.Link(packed, path); errors.Is(err, os.ErrExist) { // unlike a rename, a link never replaces
		return exists(path)
	} else if err != nil {
		return err
	}
	return nil
}

// copyDatabase reads a consistent copy over a connection of its own, since those of
// the pool refuse any statement that writes, even one that writes elsewhere.
func copyDatabase(ctx context.Context, from, to string) (err error) {
	if err := touch(to); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", dsn(from))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	_, err = db.ExecContext(ctx, "VACUUM INTO ?", to)
	return err
}

// headOf reads the audit head of a copy. A chain that is broken is backed up as it
// is: it is evidence, and Restore says so.
func headOf(ctx context.Context, path string) (record.ChainHead, error) {
	db, err := sql.Open("sqlite", dsn(path, "_query_only", "1"))
	if err != nil {
		return record.ChainHead{}, err
	}
	defer db.Close()
	return reading(db).AuditHead(ctx)
}

func sumFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), err
}

// pack writes the tar and syncs it.
func pack(path, dir string, m manifest) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	t := tar.NewWriter(f)
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := t.WriteHeader(&tar.Header{Name: manifestFile, Mode: 0o600, Size: int64(len(text)), ModTime: m.Made}); err != nil {
		return err
	}
	if _, err := t.Write(text); err != nil {
		return err
	}
	for _, name := range backupFiles() {
		if err := packFile(t, filepath.Join(dir, name), name, m.Made); err != nil {
			return err
		}
	}
	if err := t.Close(); err != nil {
		return err
	}
	return f.Sync()
}

func packFile(t *tar.Writer, path, name string, at time.Time) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := t.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: info.Size(), ModTime: at}); err != nil {
		return err
	}
	if _, err := io.Copy(t, f); err != nil {
		return fmt.Errorf("pack %s: %w", name, err)
	}
	return nil
}
