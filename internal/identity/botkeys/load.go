package botkeys

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"haechi"
)

// maxFile bounds a key file, in bytes; maxKeys the keys of one bot.
const (
	maxFile = 4 << 20
	maxKeys = 8
)

type rawFile struct {
	Enabled *bool             `json:"auth_enabled"`
	Policy  string            `json:"default_policy"`
	Clients json.RawMessage   `json:"clients"` // of kkobot's own handlers; nothing here needs it
	Bots    map[string]rawBot `json:"bots"`
	Keys    []rawKey          `json:"keys"`
}

type rawBot struct {
	AuthType string       `json:"auth_type"`
	Secret   string       `json:"secret_key"`
	Salt     string       `json:"salt"`
	Logic    string       `json:"custom_auth_logic"`
	Keys     []rawKey     `json:"keys"`
	Devices  *[]rawDevice `json:"allowed_devices"`
	UUID     *bool        `json:"validate_uuid"`
	MAC      *bool        `json:"validate_mac"`
	Addr     *bool        `json:"validate_ip"`
}

type rawKey struct {
	ID     string    `json:"id"`
	Secret string    `json:"secret_key"`
	Salt   string    `json:"salt"`
	Until  time.Time `json:"until"`
}

type rawDevice struct {
	UUID   string   `json:"uuid"`
	MACs   []string `json:"mac_addresses"`
	Addrs  []string `json:"ip_addresses"`
	Status string   `json:"status"`
}

// Options say what a file is read for.
type Options struct {
	// Scheme is the profile's: the orders that a bot may name, and which of the signed
	// parts say who a device is.
	Scheme *haechi.Scheme
	// Usable reports whether a secret is a key in the scheme's form.
	Usable func(haechi.Secret) bool
	Global bool // one set of keys for all bots
}

// Load reads a key file. Errors are of kind Invalid and say what to change.
func Load(src []byte, o Options) (*Ring, error) {
	var f rawFile
	if len(src) > maxFile {
		return nil, invalid("keep it below 4 MiB", "it has %d bytes", len(src))
	}
	d := json.NewDecoder(bytes.NewReader(src))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, invalid("docs/profiles.md shows the shape", "%s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, invalid("keep one JSON object", "something stands behind the object")
	}
	switch {
	case f.Enabled != nil && !*f.Enabled:
		return nil, invalid("leave auth_enabled out: the gate always authenticates", "auth_enabled is false")
	case f.Policy != "" && f.Policy != "deny":
		return nil, invalid("write deny: the gate admits only what is named", "default_policy is %q", f.Policy)
	}
	r := &Ring{bots: map[string]*bot{}, scheme: o.Scheme}
	if o.Global {
		keys, err := o.keys("the file", f.Keys, "")
		if err != nil {
			return nil, err
		}
		r.all = &bot{keys: keys, open: true}
		return r, nil
	}
	if len(f.Bots) == 0 {
		return nil, invalid("name the bots below bots", "it names no bot")
	}
	for _, name := range slices.Sorted(maps.Keys(f.Bots)) {
		b := f.Bots[name]
		made, err := o.bot(name, &b)
		if err != nil {
			return nil, err
		}
		r.bots[name] = made
	}
	return r, nil
}

func (o *Options) bot(name string, b *rawBot) (*bot, error) {
	if o.Scheme.Variant(b.Logic) == nil {
		return nil, invalid("leave custom_auth_logic out, or name an order that the profile has below sign.variants", "bot %q signs in the order %q, which the profile does not have", name, b.Logic)
	}
	list := b.Keys
	if b.Secret != "" {
		list = append([]rawKey{{ID: "file", Secret: b.Secret, Salt: b.Salt}}, list...)
	}
	keys, err := o.keys(fmt.Sprintf("bot %q", name), list, b.Logic)
	if err != nil {
		return nil, err
	}
	out := &bot{keys: keys, open: b.Devices == nil}
	if out.open {
		return out, nil
	}
	for i := range *b.Devices {
		d, err := o.device(name, b, &(*b.Devices)[i])
		if err != nil {
			return nil, err
		}
		if d != nil {
			out.devices = append(out.devices, d)
		}
	}
	return out, nil
}

// keys makes a set of keys, those that stay valid longest first.
func (o *Options) keys(whose string, list []rawKey, variant string) (out []haechi.Key, err error) {
	if len(list) == 0 || len(list) > maxKeys {
		return nil, invalid("give it secret_key, or 1 to 8 keys", "%s has %d keys", whose, len(list))
	}
	for i, k := range list {
		if k.ID == "" {
			k.ID = fmt.Sprintf("file%d", i+1)
		}
		if !o.Usable(haechi.Secret(k.Secret)) {
			return nil, invalid("write it in the form that the profile names below mac.key", "key %q of %s is empty, or no key in this form", k.ID, whose)
		}
		if slices.ContainsFunc(out, func(x haechi.Key) bool { return x.ID == k.ID }) {
			return nil, invalid("give each an id of its own", "%s has two keys %q", whose, k.ID)
		}
		out = append(out, haechi.Key{ID: k.ID, Secret: haechi.Secret(k.Secret), Salt: haechi.Secret(k.Salt), Variant: variant, Until: k.Until})
	}
	slices.SortStableFunc(out, func(a, b haechi.Key) int {
		if a.Until.IsZero() != b.Until.IsZero() {
			return cmp.Compare(b2i(b.Until.IsZero()), b2i(a.Until.IsZero()))
		}
		return b.Until.Compare(a.Until)
	})
	return out, nil
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// device is an entry of a bot's list; nil if it may not use the key.
func (o *Options) device(name string, b *rawBot, d *rawDevice) (*device, error) {
	switch d.Status {
	case "", "approved", "active", "allowed":
	default:
		return nil, nil
	}
	out := &device{uuid: d.UUID, macs: d.MACs}
	s := o.Scheme.Variant(b.Logic)
	for _, c := range []struct {
		what   string
		wanted *bool
		given  bool
		part   int
		check  *bool
	}{
		{"uuid", b.UUID, d.UUID != "", o.Scheme.UUID, &out.wantUUID},
		{"mac", b.MAC, len(d.MACs) > 0, o.Scheme.MAC, &out.wantMAC},
		{"ip", b.Addr, len(d.Addrs) > 0, o.Scheme.Addr, &out.wantAddr},
	} {
		*c.check = c.given
		if c.wanted != nil {
			*c.check = *c.wanted
		}
		switch {
		case *c.check && !c.given:
			return nil, invalid("list it, or write validate_"+c.what+": false", "bot %q validates %s, and a device of its list has none", name, c.what)
		case *c.check && (c.part < 0 || !signs(s, c.part)):
			return nil, invalid("write validate_"+c.what+": false, or use an order that signs it", "bot %q validates %s, which its devices do not sign", name, c.what)
		}
	}
	if !out.wantUUID && !out.wantMAC && !out.wantAddr {
		return nil, invalid("give each device a uuid", "a device of bot %q is known by nothing", name)
	}
	for _, text := range d.Addrs {
		p, err := prefix(text)
		if err != nil {
			return nil, invalid("write an address or a network, for example 192.168.0.0/24", "bot %q: %q is no address", name, text)
		}
		out.addrs = append(out.addrs, p)
	}
	return out, nil
}

// signs reports whether a part is among those that an order signs.
func signs(s *haechi.SignString, part int) bool {
	return len(s.Order) == 0 || slices.Contains(s.Order, part)
}

func prefix(text string) (netip.Prefix, error) {
	if strings.Contains(text, "/") {
		return netip.ParsePrefix(text)
	}
	a, err := netip.ParseAddr(text)
	return netip.PrefixFrom(a, a.BitLen()), err
}

func invalid(hint, format string, args ...any) error {
	return &haechi.Error{Kind: haechi.Invalid, Op: "read the key file", Msg: fmt.Sprintf(format, args...), Hint: hint}
}
