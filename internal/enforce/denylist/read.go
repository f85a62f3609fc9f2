package denylist

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"haechi"
	"haechi/internal/brick/clientkey"
)

// The bounds: of a file, of all lists together, and of a line.
const (
	MaxBytes    = 256 << 20
	MaxPrefixes = 2_000_000
	maxLine     = 4096
)

// Text is what a file says.
type Text struct {
	Prefixes []netip.Prefix // sorted, each once
	Lines    int            // that say something
	Refused  int            // of these
	First    string         // where the first refused one is, and why
}

// Read reads a list: on each line an address, a network (192.0.2.0/24) or a range
// (192.0.2.1-192.0.2.9), and what may follow it behind white space, a comma, ; or #. A line
// that is something else is refused and counted. Errors: Exhausted beyond 256 MiB or that
// many prefixes, Invalid if more than half of the lines are refused, which is no list then.
func Read(in io.Reader, most int) (Text, error) {
	limited := &io.LimitedReader{R: in, N: MaxBytes + 1}
	r := reader{in: bufio.NewReaderSize(limited, maxLine), homes: homes()}
	for {
		line, long, err := r.line()
		if err != nil && !errors.Is(err, io.EOF) {
			return Text{}, fmt.Errorf("read the list: %w", err)
		}
		r.take(line, long)
		if len(r.Prefixes) > most || limited.N == 0 {
			return Text{}, &haechi.Error{Kind: haechi.Exhausted, Op: "read the list", Msg: fmt.Sprintf("it has more than 256 MiB, or than the %d prefixes for which there is room", most),
				Hint: "leave some out, or write networks in place of addresses"}
		}
		if err != nil {
			return r.done()
		}
	}
}

type reader struct {
	Text
	in    *bufio.Reader
	at    int // the number of the line
	homes []netip.Prefix
}

// line is the next one; long: it was cut off.
func (r *reader) line() (line string, long bool, err error) {
	r.at++
	b, err := r.in.ReadSlice('\n')
	line = string(b)
	for errors.Is(err, bufio.ErrBufferFull) {
		long = true
		_, err = r.in.ReadSlice('\n')
	}
	return line, long, err
}

func (r *reader) take(line string, long bool) {
	line = strings.TrimPrefix(line, "\ufeff")
	if i := strings.IndexAny(line, "#;,"); i >= 0 {
		line = line[:i]
	}
	fields := strings.Fields(line)
	if len(fields) == 0 && !long {
		return
	}
	r.Lines++
	if long {
		r.refuse("it is longer than 4,096 bytes")
		return
	}
	what := fields[0]
	if len(fields) > 2 && fields[1] == "-" {
		what = fields[0] + "-" + fields[2]
	}
	ps, why := r.parse(what)
	if why != "" {
		r.refuse(why)
		return
	}
	r.Prefixes = append(r.Prefixes, ps...)
}

func (r *reader) refuse(why string) {
	if r.Refused++; r.Refused == 1 {
		r.First = fmt.Sprintf("line %d: %s", r.at, why)
	}
}

// parse reads what a line names, and says why it is not taken, if so.
func (r *reader) parse(what string) (ps []netip.Prefix, why string) {
	var one [1]netip.Prefix
	if from, to, ok := strings.Cut(what, "-"); ok {
		first, err := netip.ParseAddr(from)
		last, err2 := netip.ParseAddr(to)
		if err != nil || err2 != nil || first.Zone() != "" || last.Zone() != "" {
			return nil, "it is no range of addresses"
		}
		if ps = cover(clientkey.Addr(first), clientkey.Addr(last)); ps == nil {
			return nil, "it is no range of addresses"
		}
	} else if p, ok := prefixOf(what); ok {
		one[0] = p
		ps = one[:]
	} else {
		return nil, "it is no address"
	}
	for _, p := range ps {
		if why := r.unfit(p); why != "" {
			return nil, why
		}
	}
	return ps, ""
}

// prefixOf reads an address or a network. One that is written with bits behind its length
// is the network that has them.
func prefixOf(text string) (netip.Prefix, bool) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		a = clientkey.Addr(a)
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}, false
	}
	if p.Addr().Is4In6() {
		if p.Bits() < 96 {
			return netip.Prefix{}, false
		}
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), true
}

// The broadest that a file may name: whoever denies more than that does it by hand.
const (
	broadest4 = 8
	broadest6 = 16
)

// unfit says why a network is not taken from a file.
func (r *reader) unfit(p netip.Prefix) string {
	if p.Addr().Is4() && p.Bits() < broadest4 || p.Addr().Is6() && p.Bits() < broadest6 {
		return "it is broader than a /8, or a /16 of IPv6"
	}
	for _, home := range r.homes {
		if home.Overlaps(p) {
			return "it has private, shared, local or multicast addresses"
		}
	}
	return ""
}

// homes are the networks of a machine's own neighbours, which lists of bogons name: who
// drops those locks himself out.
func homes() (out []netip.Prefix) {
	for _, text := range []string{"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/4",
		"::/16", "fc00::/7", "fe80::/10", "ff00::/8"} {
		out = append(out, netip.MustParsePrefix(text))
	}
	return out
}

func (r *reader) done() (Text, error) {
	if r.Refused*2 > r.Lines {
		return Text{}, &haechi.Error{Kind: haechi.Invalid, Op: "read the list", Msg: fmt.Sprintf("%d of %d lines are refused, %s", r.Refused, r.Lines, r.First),
			Hint: "each line is an address, a network or a range; what was loaded before stays"}
	}
	slices.SortFunc(r.Prefixes, netip.Prefix.Compare)
	r.Prefixes = slices.Clip(slices.Compact(r.Prefixes))
	return r.Text, nil
}
