package sqlrows

import (
	"net/netip"
	"time"

	"haechi"
	"haechi/internal/brick/columnar"
)

// blockReader gives the events of one block after the other.
type blockReader struct {
	*columnar.Reader
	kind   haechi.Kind // of the text of that number
	kindNo int64
}

func newBlockReader() *blockReader { return &blockReader{Reader: columnar.NewReader()} }

// open looks at a block; load must follow before its events are read.
func (r *blockReader) open(payload []byte) error {
	r.kindNo = 0
	return r.Open(payload)
}

// BlockEvents gives the events of a block, as they lie in the column payload of
// event_blocks.
func BlockEvents(payload []byte) ([]haechi.Event, error) {
	r := newBlockReader()
	if err := r.open(payload); err != nil {
		return nil, err
	}
	if err := r.Load(); err != nil {
		return nil, err
	}
	out := make([]haechi.Event, r.Len())
	for i := range out {
		if err := r.event(i, &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// event builds the event of a row.
func (r *blockReader) event(row int, e *haechi.Event) error {
	n := func(column int) int64 { return r.Ints(column)[row] }
	s := func(column int) string { return r.Text(column, row) }
	f := n(blockFlags)
	*e = haechi.Event{
		Time: time.Unix(0, n(blockTime)).UTC(), Outcome: haechi.Outcome(n(blockOutcome)), Service: s(blockService),
		Reason: haechi.Reason(s(blockReason)), Count: uint64(n(blockCount)), Distinct: uint64(n(blockDistinct)),
		Actor: haechi.Actor{Device: s(blockDevice), Certificate: s(blockCertificate), User: s(blockUser), Fingerprint: s(blockFingerprint),
			Country: s(blockCountry), ASN: uint32(n(blockASN)), Assurance: haechi.Assurance(f & flagAssurance), Allowed: f&flagAllowed != 0},
		Port: uint16(n(blockPort)), LocalPort: uint16(n(blockLocalPort)), Session: uint64(n(blockSession)),
		Provoked: f&flagProvoked != 0, Shadow: f&flagShadow != 0, TLS: f&flagTLS != 0,
		Frame: s(blockFrame), Room: s(blockRoom), Method: s(blockMethod), Host: s(blockHost), Path: s(blockPath),
		Status: int(n(blockStatus)), Class: s(blockClass), UserAgent: s(blockAgent),
		BytesIn: n(blockBytesIn), BytesOut: n(blockBytesOut), Duration: time.Duration(n(blockDuration)), Text: s(blockText),
	}
	if no := n(blockKind); no != r.kindNo {
		if err := parse(&r.kind, s(blockKind)); err != nil {
			return err
		}
		r.kindNo = no
	}
	e.Kind = r.kind
	return r.addresses(row, &e.Actor, f)
}

func (r *blockReader) addresses(row int, a *haechi.Actor, flags int64) error {
	if p := r.Text(blockAddr, row); p != "" {
		if err := a.Addr.UnmarshalBinary([]byte(p)); err != nil {
			return err
		}
		if flags&flagNoClient == 0 {
			a.Client = netip.PrefixFrom(a.Addr, a.Addr.BitLen())
		}
	}
	if p := r.Text(blockClient, row); p != "" {
		return a.Client.UnmarshalBinary([]byte(p))
	}
	return nil
}
