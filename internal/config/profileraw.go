package config

// The raw shape of a profile, one field a key as in raw.go. The order is that of
// docs/profiles.md.

type rawProfile struct {
	Name      string         `yaml:"name"`
	About     string         `yaml:"about,omitempty"`
	Framing   rawFraming     `yaml:"framing,omitempty"`
	Event     jsonPath       `yaml:"event"`
	Handshake []rawHandshake `yaml:"handshake" jsonschema:"maxItems=8"`
	Identity  rawIdentity    `yaml:"identity,omitempty"`
	Auth      rawAuth        `yaml:"auth"`
	Sign      rawSign        `yaml:"sign"`
	MAC       rawMAC         `yaml:"mac,omitempty"`
	Keys      rawKeys        `yaml:"keys,omitempty"`
	Freshness rawFreshness   `yaml:"freshness"`
	Bind      *rawBind       `yaml:"bind,omitempty"`
	Liveness  rawLiveness    `yaml:"liveness,omitempty"`
	Refusal   rawRefusal     `yaml:"refusal,omitempty"`
	Messages  rawMessages    `yaml:"messages,omitempty"`
	Queries   []rawQuery     `yaml:"queries,omitempty" jsonschema:"maxItems=16"`
}

type rawFraming struct {
	Kind   string  `yaml:"kind" jsonschema:"enum=line,enum=line+tail,enum=length-prefixed,enum=json-stream"`
	Tail   rawTail `yaml:"tail,omitempty"`
	Bytes  int     `yaml:"bytes,omitempty" jsonschema:"minimum=2,maximum=4"`
	Endian string  `yaml:"endian,omitempty" jsonschema:"enum=big,enum=little"`
}

type rawTail struct {
	Characters characters `yaml:"characters,omitempty"`
	Events     []string   `yaml:"events,omitempty" jsonschema:"maxItems=16"`
}

type rawHandshake struct {
	At      jsonPath            `yaml:"at,omitempty"`
	Equals  map[string]string   `yaml:"equals,omitempty"`
	Exists  []jsonPath          `yaml:"exists,omitempty" jsonschema:"maxItems=8"`
	Missing []jsonPath          `yaml:"missing,omitempty" jsonschema:"maxItems=8"`
	Foreign []jsonPath          `yaml:"foreign,omitempty" jsonschema:"maxItems=8"`
	Bot     signPart            `yaml:"bot"`
	Device  jsonPath            `yaml:"device"`
	Version jsonPath            `yaml:"version,omitempty"`
	Client  jsonPath            `yaml:"client,omitempty"`
	Fields  map[string]rawBound `yaml:"fields"`
}

type rawBound struct {
	Max      int    `yaml:"max" jsonschema:"minimum=1,maximum=65535"`
	Pattern  string `yaml:"pattern,omitempty"`
	Required bool   `yaml:"required,omitempty"`
}

type rawIdentity struct {
	SameBot    []jsonPath        `yaml:"same_bot,omitempty" jsonschema:"maxItems=8"`
	SameDevice []jsonPath        `yaml:"same_device,omitempty" jsonschema:"maxItems=8"`
	Require    map[string]string `yaml:"require,omitempty"`
	Pin        jsonPath          `yaml:"pin,omitempty"`
}

type rawAuth struct {
	At        jsonPath `yaml:"at,omitempty"`
	Signature jsonPath `yaml:"signature"`
	KeyID     jsonPath `yaml:"key_id,omitempty"`
	Handshake bool     `yaml:"in_handshake,omitempty"`
	Exempt    []string `yaml:"exempt,omitempty" jsonschema:"maxItems=16"`
}

type rawSign struct {
	Parts     []signPart            `yaml:"parts" jsonschema:"maxItems=24"`
	Optional  []jsonPath            `yaml:"optional,omitempty" jsonschema:"maxItems=24"`
	Order     string                `yaml:"order,omitempty" jsonschema:"enum=listed,enum=sorted"`
	Pair      delimiter             `yaml:"pair,omitempty"`
	Delimiter delimiter             `yaml:"delimiter"`
	InValue   string                `yaml:"delimiter_in_value,omitempty" jsonschema:"enum=refuse,enum=allow"`
	Body      jsonPath              `yaml:"body,omitempty"`
	Variants  map[string]rawVariant `yaml:"variants,omitempty"`
}

type rawVariant struct {
	Parts     []signPart `yaml:"parts" jsonschema:"maxItems=24"`
	Delimiter delimiter  `yaml:"delimiter"`
}

type rawMAC struct {
	Algorithm string `yaml:"algorithm" jsonschema:"enum=hmac-sha256,enum=hmac-sha512,enum=hmac-sha1,enum=hmac-md5"`
	Weak      bool   `yaml:"allow_weak,omitempty"`
	Key       string `yaml:"key" jsonschema:"enum=utf8,enum=hex,enum=base64"`
	Encoding  string `yaml:"encoding" jsonschema:"enum=hex-lower,enum=hex,enum=base64,enum=base64url"`
	Prefix    string `yaml:"prefix,omitempty"`
}

type rawKeys struct {
	From string      `yaml:"from" jsonschema:"enum=device,enum=bot,enum=global"`
	Who  rawClaimant `yaml:"allowed_devices,omitempty"`
}

// rawClaimant names the signed fields by which a key file's list knows a device.
type rawClaimant struct {
	UUID jsonPath `yaml:"uuid,omitempty"`
	MAC  jsonPath `yaml:"mac,omitempty"`
	Addr jsonPath `yaml:"ip,omitempty"`
}

type rawFreshness struct {
	Timestamp jsonPath `yaml:"timestamp"`
	Unit      string   `yaml:"unit" jsonschema:"enum=ms,enum=s,enum=layout"`
	Layout    string   `yaml:"layout,omitempty"`
	Offset    offset   `yaml:"offset,omitempty"`
	Past      duration `yaml:"past,omitempty" least:"1s" most:"1h"`
	Future    duration `yaml:"future,omitempty" least:"1s" most:"1h"`
	Nonce     jsonPath `yaml:"nonce,omitempty"`
	Sequence  jsonPath `yaml:"sequence,omitempty"`
	Replay    string   `yaml:"replay" jsonschema:"enum=queue,enum=strict"`
}

type rawBind struct {
	Signature jsonPath   `yaml:"signature"`
	KeyID     jsonPath   `yaml:"key_id,omitempty"`
	Timestamp jsonPath   `yaml:"timestamp"`
	Nonce     jsonPath   `yaml:"nonce,omitempty"`
	Parts     []signPart `yaml:"parts" jsonschema:"maxItems=24"`
	Delimiter delimiter  `yaml:"delimiter"`
}

type rawLiveness struct {
	Send     string   `yaml:"send,omitempty"`
	Stamp    rawStamp `yaml:"stamp,omitempty"`
	Answers  []string `yaml:"answers,omitempty" jsonschema:"maxItems=8"`
	Echo     jsonPath `yaml:"echo,omitempty"`
	EchoOf   string   `yaml:"echo_of,omitempty" jsonschema:"enum=stamp,enum=nonce"`
	MustEcho bool     `yaml:"must_echo,omitempty"`
}

type rawStamp struct {
	Unit   string `yaml:"unit" jsonschema:"enum=ms,enum=s,enum=layout"`
	Layout string `yaml:"layout,omitempty"`
	Offset offset `yaml:"offset,omitempty"`
}

type rawRefusal struct {
	Send string `yaml:"send,omitempty"`
	Then string `yaml:"then" jsonschema:"enum=by-reason,enum=close,enum=hold,enum=silence"`
}

type rawMessages struct {
	Events []string   `yaml:"events,omitempty" jsonschema:"maxItems=16"`
	Room   []jsonPath `yaml:"room,omitempty" jsonschema:"maxItems=8"`
}

type rawQuery struct {
	Event string            `yaml:"event"`
	Where map[string]string `yaml:"where,omitempty"`
}

// defaultProfile is a profile in which nothing is written.
func defaultProfile() rawProfile {
	return rawProfile{
		Framing: rawFraming{Kind: "line", Endian: "big"}, Event: "event",
		Sign:      rawSign{Order: "listed", InValue: "refuse"},
		MAC:       rawMAC{Algorithm: "hmac-sha256", Key: "utf8", Encoding: "hex-lower"},
		Keys:      rawKeys{From: "device"},
		Freshness: rawFreshness{Unit: "ms", Replay: "queue"},
		Liveness:  rawLiveness{Stamp: rawStamp{Unit: "ms"}, EchoOf: "stamp"},
		Refusal:   rawRefusal{Then: "by-reason"},
	}
}
