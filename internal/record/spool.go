package record

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"haechi"
)

// The spool file: a header of 16 bytes (magic, offset of the first record not yet
// written back), then records of
//
//	length of the line, 4 bytes big endian
//	CRC-32C of the line, 4 bytes big endian
//	one row as a line of JSON
//
// A record that a crash cut short fails its check and ends the file.
const (
	spoolMagic  = "HAECHIS1"
	spoolHeader = 16
	recordHead  = 8
	maxRecord   = 1 << 20
)

// spooled is one row in the file; beside the number of its batch exactly one field is
// set. Rows of a version that gave no numbers have none.
type spooled struct {
	Run string `json:"run,omitempty"`
	Seq uint64 `json:"seq,omitempty"`

	Event    *haechi.Event    `json:"event,omitempty"`
	Finding  *haechi.Finding  `json:"finding,omitempty"`
	Incident *haechi.Incident `json:"incident,omitempty"`
	Device   *haechi.Device   `json:"device,omitempty"`
	Decision *haechi.Decision `json:"decision,omitempty"`
}

// spool is the bounded file that takes rows while the store does not. It belongs
// to the writer's goroutine.
type spool struct {
	f          *os.File
	read, size int64 // first record not written back; end of the last whole one
	max        int64
	crc        *crc32.Table
	line       []byte
}

func openSpool(path string, limit int64) (*spool, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open spool: %w", err)
	}
	s := &spool{f: f, max: limit, crc: crc32.MakeTable(crc32.Castagnoli)}
	if err := s.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("open spool: %w", err), f.Close())
	}
	return s, nil
}

// load reads the header of a spool that an earlier run left, or writes a new one.
func (s *spool) load() error {
	var h [spoolHeader]byte
	n, err := s.f.ReadAt(h[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if n == 0 {
		return s.reset()
	}
	if n < spoolHeader || string(h[:8]) != spoolMagic {
		return &haechi.Error{Kind: haechi.Conflict, Op: "read the spool", Msg: s.f.Name() + " is no spool file of this version",
			Hint: "move it away; a new one is made"}
	}
	info, err := s.f.Stat()
	if err != nil {
		return err
	}
	s.size = info.Size()
	s.read = min(max(int64(binary.BigEndian.Uint64(h[8:])), spoolHeader), s.size)
	return nil
}

func (s *spool) empty() bool { return s.read >= s.size }

// bytes is how much waits to be written back.
func (s *spool) bytes() int64 { return s.size - s.read }

// reset empties the file.
func (s *spool) reset() error {
	s.read, s.size = spoolHeader, spoolHeader
	if err := s.f.Truncate(spoolHeader); err != nil {
		return err
	}
	return s.mark()
}

func (s *spool) mark() error {
	h := binary.BigEndian.AppendUint64([]byte(spoolMagic), uint64(s.read))
	_, err := s.f.WriteAt(h, 0)
	return err
}

// add appends the rows that fit and returns how many did; an error says why the
// others did not. What fits is written in one piece.
func (s *spool) add(rows []spooled) (int, error) {
	buf, n := s.line[:0], 0
	var full error
	for i := range rows {
		line, err := json.Marshal(&rows[i])
		if err != nil || len(line) >= maxRecord {
			full = fmt.Errorf("spool a row: %w", errors.Join(err, errors.New("not encodable or too long")))
			continue
		}
		line = append(line, '\n')
		if s.size+int64(len(buf)+recordHead+len(line)) > s.max {
			full = &haechi.Error{Kind: haechi.Exhausted, Op: "spool rows", Msg: "the spool file is at its cap"}
			break
		}
		buf = binary.BigEndian.AppendUint32(buf, uint32(len(line)))
		buf = binary.BigEndian.AppendUint32(buf, crc32.Checksum(line, s.crc))
		buf = append(buf, line...)
		n++
	}
	s.line = buf
	if _, err := s.f.WriteAt(buf, s.size); err != nil {
		return 0, errors.Join(fmt.Errorf("spool rows: %w", err), s.f.Truncate(s.size))
	}
	s.size += int64(len(buf))
	return n, full
}

func (r *spooled) batch() BatchID { return BatchID{Run: r.Run, Seq: r.Seq} }

// next reads the rows of one batch, at most limit, from the first not written back,
// and the offset after them. At a broken record it ends the file there and reports
// the loss.
func (s *spool) next(limit int) (rows []spooled, end int64, err error) {
	r := bufio.NewReaderSize(io.NewSectionReader(s.f, s.read, s.size-s.read), 1<<16)
	end = s.read
	for len(rows) < limit && end < s.size {
		row, n, err := s.record(r)
		if err != nil {
			lost := s.size - end
			s.size = end
			return rows, end, errors.Join(fmt.Errorf("spool broken, %d bytes lost: %w", lost, err), s.f.Truncate(end))
		}
		if len(rows) > 0 && row.batch() != rows[0].batch() {
			break
		}
		rows, end = append(rows, row), end+n
	}
	return rows, end, nil
}

func (s *spool) record(r io.Reader) (row spooled, n int64, err error) {
	var h [recordHead]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return row, 0, err
	}
	size := binary.BigEndian.Uint32(h[:])
	if size > maxRecord {
		return row, 0, errors.New("impossible record length")
	}
	line := make([]byte, size)
	if _, err := io.ReadFull(r, line); err != nil {
		return row, 0, err
	}
	if crc32.Checksum(line, s.crc) != binary.BigEndian.Uint32(h[4:]) {
		return row, 0, errors.New("checksum differs")
	}
	return row, int64(recordHead + size), json.Unmarshal(line, &row)
}

// done moves on to the offset that next gave, once its rows are stored.
func (s *spool) done(end int64) error {
	s.read = end
	if s.empty() {
		return s.reset()
	}
	return s.mark()
}

func (s *spool) close() error { return s.f.Close() }
