package ja4

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
)

// Transport is how the hello came.
type Transport byte

// The transports, spelled as in a fingerprint.
const (
	TCP  Transport = 't'
	QUIC Transport = 'q'
)

// Hello is what of a ClientHello counts, in the order of the wire.
type Hello struct {
	Transport Transport
	// Versions are those of supported_versions; of a hello without that extension,
	// its own version alone.
	Versions                       []uint16
	Suites, Extensions, Signatures []uint16
	// ALPN is the first protocol offered, empty for none.
	ALPN string
}

const (
	extensionSNI  = 0x0000
	extensionALPN = 0x0010

	// most bounds the code points of one list that count; a hello of 16 KiB could
	// hold 8,192.
	most = 512
)

// Of returns the fingerprint, 36 characters, for example
// t13d1516h2_8daaf6152771_e5627efa2ab1.
func Of(h *Hello) string {
	var o ordered
	return o.text(o.order(make([]byte, 0, 36), h))
}

// ordered are the code points of a hello in the order in which they count, without GREASE.
type ordered struct{ suites, extensions, signatures []uint16 }

// order reads a hello, and begins its fingerprint with what needs no digest.
func (o *ordered) order(b []byte, h *Hello) []byte {
	o.suites, o.extensions, o.signatures = plain(o.suites[:0], h.Suites), plain(o.extensions[:0], h.Extensions), plain(o.signatures[:0], h.Signatures)
	sni := byte('i')
	if slices.Contains(o.extensions, extensionSNI) {
		sni = 'd'
	}
	b = append(b, byte(h.Transport))
	b = append(b, version(h.Versions)...)
	b = append(b, sni)
	b = count(b, len(o.suites))
	b = count(b, len(o.extensions))
	b = alpn(b, h.ALPN)
	slices.Sort(o.suites)
	o.extensions = slices.DeleteFunc(o.extensions, func(e uint16) bool { return e == extensionSNI || e == extensionALPN })
	slices.Sort(o.extensions)
	return b
}

// text is the fingerprint that begins so.
func (o *ordered) text(b []byte) string {
	b = digest(append(b, '_'), o.suites, nil)
	return string(digest(append(b, '_'), o.extensions, o.signatures))
}

// plain appends a list without GREASE.
func plain(out, in []uint16) []uint16 {
	for _, v := range in[:min(len(in), most)] {
		if !grease(v) {
			out = append(out, v)
		}
	}
	return out
}

// grease reports whether the value is one of RFC 8701: 0x0a0a, 0x1a1a, … 0xfafa.
func grease(v uint16) bool { return v&0x0f0f == 0x0a0a && v>>8 == v&0xff }

// version is the highest one offered.
func version(all []uint16) string {
	var top uint16
	for _, v := range all {
		if !grease(v) {
			top = max(top, v)
		}
	}
	switch top {
	case 0x0304:
		return "13"
	case 0x0303:
		return "12"
	case 0x0302:
		return "11"
	case 0x0301:
		return "10"
	case 0x0300:
		return "s3"
	case 0x0002:
		return "s2"
	}
	return "00"
}

// count appends two digits.
func count(b []byte, n int) []byte {
	n = min(n, 99)
	return append(b, byte('0'+n/10), byte('0'+n%10))
}

// alpn appends the first and the last character of a protocol; where either is no
// letter or digit, the first and the last of its hexadecimal form.
func alpn(b []byte, proto string) []byte {
	if proto == "" {
		return append(b, "00"...)
	}
	first, last := proto[0], proto[len(proto)-1]
	if !alphanumeric(first) || !alphanumeric(last) {
		first, last = "0123456789abcdef"[first>>4], "0123456789abcdef"[last&15]
	}
	return append(b, first, last)
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// digest appends the first 12 hexadecimal digits of the SHA-256 of the lists, or
// zeros for an empty first one.
func digest(b []byte, list, more []uint16) []byte {
	if len(list) == 0 {
		return append(b, "000000000000"...)
	}
	text := hexList(make([]byte, 0, 5*(len(list)+len(more)+1)), list)
	if len(more) > 0 {
		text = hexList(append(text, '_'), more)
	}
	sum := sha256.Sum256(text)
	return hex.AppendEncode(b, sum[:6])
}

func hexList(b []byte, list []uint16) []byte {
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = hex.AppendEncode(b, []byte{byte(v >> 8), byte(v)})
	}
	return b
}
