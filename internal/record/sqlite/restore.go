package sqlite

import (
	"archive/tar"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"haechi"
	"haechi/internal/record"
	"haechi/internal/record/sqlrows"
)

// maxManifest bounds what is read of a backup's manifest, in bytes.
const maxManifest = 1 << 16

// chainPage is how many audit entries are read at once.
const chainPage = 10_000

// Restore unpacks a backup into a folder that is empty or missing, after checking
// its sums, both databases and the audit chain. Nothing is left behind when a check
// fails. Errors are of kind Conflict for a folder that holds something, Invalid for
// a backup that is not whole.
func Restore(ctx context.Context, path, dir string) error {
	if err := PrepareDir(dir); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return failure("restore", err)
	}
	if len(entries) > 0 {
		return &haechi.Error{Kind: haechi.Conflict, Op: "restore", Msg: dir + " is not empty",
			Hint: "stop Haechi and give an empty folder, or move the old records away"}
	}
	if err := restore(ctx, path, dir); err != nil {
		for _, name := range backupFiles() {
			err = errors.Join(err, removeDatabase(filepath.Join(dir, name)))
		}
		return failure("restore", err)
	}
	return nil
}

func removeDatabase(path string) error {
	var errs []error
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func restore(ctx context.Context, path, dir string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	t := tar.NewReader(f)
	m, err := readManifest(t)
	if err != nil {
		return err
	}
	for _, name := range backupFiles() {
		if err := unpack(t, name, filepath.Join(dir, name), m.SHA256[name]); err != nil {
			return err
		}
		k := stateKind()
		if name == EventsFile {
			k = eventsKind()
		}
		if err := inspect(ctx, filepath.Join(dir, name), k); err != nil {
			return err
		}
	}
	head, err := checkCopy(ctx, dir)
	if err == nil && head != m.Audit {
		err = notWhole("its audit log does not end where the manifest says", nil)
	}
	return err
}

func notWhole(msg string, err error) error {
	return &haechi.Error{Kind: haechi.Invalid, Op: "restore", Msg: msg, Hint: "use another backup", Err: err}
}

func readManifest(t *tar.Reader) (m manifest, err error) {
	h, err := t.Next()
	if err != nil || h.Name != manifestFile {
		return m, notWhole("this is no backup of Haechi", err)
	}
	text, err := io.ReadAll(io.LimitReader(t, maxManifest))
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil {
		return m, notWhole("its manifest cannot be read", err)
	}
	return m, nil
}

// unpack writes the next entry, which must have the name and the sum.
func unpack(t *tar.Reader, name, path, sum string) error {
	h, err := t.Next()
	if err != nil || h.Name != name {
		return notWhole("it lacks "+name, err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, t)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return notWhole(name+" cannot be unpacked", err)
	}
	got, err := sumFile(path)
	if err == nil && got != sum {
		return notWhole(name+" is damaged: its SHA-256 differs from the manifest", nil)
	}
	return err
}

// checkCopy looks into both files of a copy: that SQLite finds them whole, and that
// the audit chain holds. It returns the chain's head.
func checkCopy(ctx context.Context, dir string) (record.ChainHead, error) {
	for _, name := range backupFiles() {
		if err := integrity(ctx, filepath.Join(dir, name)); err != nil {
			return record.ChainHead{}, err
		}
	}
	db, err := sql.Open("sqlite", dsn(filepath.Join(dir, StateFile), "_query_only", "1"))
	if err != nil {
		return record.ChainHead{}, err
	}
	defer db.Close()
	return checkChain(ctx, reading(db))
}

func integrity(ctx context.Context, path string) error {
	db, err := sql.Open("sqlite", dsn(path, "_query_only", "1"))
	if err != nil {
		return err
	}
	defer db.Close()
	var result string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check(1)").Scan(&result); err != nil {
		return notWhole(filepath.Base(path)+" cannot be checked", err)
	}
	if result != "ok" {
		return notWhole(fmt.Sprintf("%s is damaged: %s", filepath.Base(path), result), nil)
	}
	return nil
}

func checkChain(ctx context.Context, s *sqlrows.Store) (head record.ChainHead, err error) {
	for {
		entries, err := s.AuditEntries(ctx, head.Seq+1, chainPage)
		if err != nil {
			return head, err
		}
		for i := range entries {
			if err := head.Follow(&entries[i]); err != nil {
				return head, notWhole("the audit chain is broken", err)
			}
		}
		if len(entries) < chainPage {
			break
		}
	}
	kept, err := s.AuditHead(ctx)
	if err == nil && kept != head {
		err = notWhole("the end of the audit log was cut off", nil)
	}
	return head, err
}
