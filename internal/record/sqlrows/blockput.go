package sqlrows

import (
	"net/netip"

	"haechi"
	"haechi/internal/brick/columnar"
)

// What a text of a block is known as in the table seen.
const (
	sightedAddr   = 1
	sightedDevice = 2
)

// openBlock gathers the ordinary events of one minute. What the event before had is
// looked at first: the next one mostly has the same.
type openBlock struct {
	b           *columnar.Builder
	minute      int64
	first, last int64  // Unix nanoseconds
	requests    uint64 // observations
	sighted     []byte // by the numbers of texts

	kind     haechi.Kind
	kindNo   int64
	addr     netip.Addr
	addrNo   int64
	client   netip.Prefix
	clientNo int64
	binary   [64]byte
}

func (o *openBlock) reset(minute int64) {
	o.b.Reset()
	*o = openBlock{b: o.b, sighted: o.sighted[:0], minute: minute}
}

// put adds an event of the block's minute. It returns the numbers of its address and its
// device.
func (o *openBlock) put(e *haechi.Event) (addr, device int64) {
	ns := e.Time.UnixNano()
	if o.b.Len() == 0 {
		o.first, o.last = ns, ns
	}
	o.first, o.last = min(o.first, ns), max(o.last, ns)
	if isRequest(e) {
		o.requests += e.N()
	}
	o.b.Next()
	o.putNumbers(e, ns)
	o.putTexts(e)
	return o.putActor(&e.Actor)
}

func (o *openBlock) putNumbers(e *haechi.Event, ns int64) {
	b := o.b
	b.Int(blockTime, ns)
	b.Int(blockOutcome, int64(e.Outcome))
	b.Int(blockFlags, flagBits(e))
	if e.Count > 1 {
		b.Int(blockCount, int64(e.Count))
	}
	b.Int(blockDistinct, int64(e.Distinct))
	b.Int(blockPort, int64(e.Port))
	b.Int(blockLocalPort, int64(e.LocalPort))
	b.Int(blockSession, int64(e.Session))
	b.Int(blockDuration, int64(e.Duration))
	b.Int(blockBytesIn, e.BytesIn)
	b.Int(blockBytesOut, e.BytesOut)
	b.Int(blockStatus, int64(e.Status))
	b.Int(blockASN, int64(e.ASN))
}

func (o *openBlock) putTexts(e *haechi.Event) {
	b := o.b
	if o.kind == e.Kind {
		b.Again(blockKind, o.kindNo)
	} else {
		o.kind, o.kindNo = e.Kind, b.Text(blockKind, e.Kind.String())
	}
	b.Text(blockService, e.Service)
	b.Text(blockReason, string(e.Reason))
	b.Text(blockRoom, e.Room)
	b.Text(blockFrame, e.Frame)
	b.Text(blockMethod, e.Method)
	b.Text(blockHost, e.Host)
	b.Text(blockPath, e.Path)
	b.Text(blockClass, e.Class)
	b.Text(blockAgent, e.UserAgent)
	b.Text(blockText, e.Text)
}

func (o *openBlock) putActor(a *haechi.Actor) (addr, device int64) {
	b := o.b
	b.Text(blockCertificate, a.Certificate)
	b.Text(blockUser, a.User)
	b.Text(blockFingerprint, a.Fingerprint)
	b.Text(blockCountry, a.Country)
	o.putClient(a)
	return o.putAddr(a.Addr), b.Text(blockDevice, a.Device)
}

func (o *openBlock) putAddr(a netip.Addr) int64 {
	switch {
	case !a.IsValid():
		return 0
	case o.addr == a:
		o.b.Again(blockAddr, o.addrNo)
		return o.addrNo
	}
	p, _ := a.AppendBinary(o.binary[:0]) // never fails
	o.addr, o.addrNo = a, o.b.Bytes(blockAddr, p)
	return o.addrNo
}

func (o *openBlock) putClient(a *haechi.Actor) {
	switch {
	case !a.Client.IsValid() || a.Client.IsSingleIP() && a.Client.Addr() == a.Addr:
	case o.client == a.Client:
		o.b.Again(blockClient, o.clientNo)
	default:
		p, _ := a.Client.AppendBinary(o.binary[:0]) // never fails
		o.client, o.clientNo = a.Client, o.b.Bytes(blockClient, p)
	}
}

// fresh reports whether the text of that number is known as something for the first time.
func (o *openBlock) fresh(number int64, as byte) bool {
	if number == 0 {
		return false
	}
	for int64(len(o.sighted)) <= number {
		o.sighted = append(o.sighted, 0)
	}
	known := o.sighted[number]&as != 0
	o.sighted[number] |= as
	return !known
}
