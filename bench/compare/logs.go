package main

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"haechi/internal/record/sqlrows"
)

// missing is the share of operations that a log may lack.
const missing = 0.001

// logHolds checks that the server's log holds the operations.
func logHolds(name string, lines int, ops float64) error {
	if float64(lines) < ops*(1-missing) {
		return fmt.Errorf("the log of %s has %d entries for %.0f operations", name, lines, ops)
	}
	return nil
}

// countLines counts the lines of a file that contain the text.
func countLines(path, text string) (n int, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	buf := make([]byte, 1<<20)
	var rest []byte
	for {
		got, err := f.Read(buf)
		all := append(rest, buf[:got]...)
		end := bytes.LastIndexByte(all, '\n') + 1
		if text == "" {
			n += bytes.Count(all[:end], []byte{'\n'})
		} else {
			for line := range bytes.Lines(all[:end]) {
				if bytes.Contains(line, []byte(text)) {
					n++
				}
			}
		}
		rest = bytes.Clone(all[end:])
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// countRecorded adds up the observations of a kind in a stopped gateway's records: the
// rows of the table, with Python's own SQLite, and what the blocks hold.
func countRecorded(state, table, kind string) (int, error) {
	const query = `import sqlite3, sys
db = sqlite3.connect("file:" + sys.argv[1] + "?mode=ro", uri=True)
print(db.execute("SELECT coalesce(sum(n), 0) FROM " + sys.argv[2] + " WHERE kind = ?", (sys.argv[3],)).fetchone()[0])
for row in db.execute("SELECT payload FROM event_blocks"):
    print(row[0].hex())`
	out, err := exec.Command("python3", "-c", query, filepath.Join(state, "events.db"), table, kind).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return 0, fmt.Errorf("read the records: %w: %s", err, exit.Stderr)
		}
		return 0, fmt.Errorf("read the records: %w", err)
	}
	rows, blocks, _ := strings.Cut(string(out), "\n")
	n, err := strconv.Atoi(rows)
	for line := range strings.Lines(blocks) {
		packed, err2 := countPacked(strings.TrimSpace(line), kind)
		n, err = n+packed, errors.Join(err, err2)
	}
	return n, err
}

// countPacked adds up the observations of a kind in a block.
func countPacked(block, kind string) (n int, err error) {
	payload, err := hex.DecodeString(block)
	if err != nil {
		return 0, fmt.Errorf("read a block: %w", err)
	}
	events, err := sqlrows.BlockEvents(payload)
	if err != nil {
		return 0, fmt.Errorf("read a block: %w", err)
	}
	for i := range events {
		if events[i].Kind.String() == kind {
			n += int(events[i].N())
		}
	}
	return n, nil
}
