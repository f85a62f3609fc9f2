package config

import (
	"net/netip"
	"time"

	"haechi"
	"haechi/pin"
)

// The compiled shape: what app wires against, with every default filled in. What a
// person writes is in raw.go.

// Config is one loaded configuration: plain data.
type Config struct {
	State          string // folder of records, keys and the local socket
	User           string // whom a gateway of root's becomes; empty: the folder's owner
	Zone           *time.Location
	Console        Console
	Metrics        Metrics
	Client         Client
	Allow          []netip.Prefix // beats every rule, list and limit
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed
	Services       []Service      // by name
	Site           Site
	Sensor         Sensor
	Rules          map[string]Rule
	Decide         Decide
	Attack         Attack
	Shield         Shield
	Alerts         Alerts
	Records        Records

	effective []Value
	raw       *rawFile
}

// Console is the operator's own listener. An empty Listen switches it off.
type Console struct {
	Listen    string
	Cert, Key string // files; empty: the development CA
	Language  string // ko, en or "" for the browser's
}

// Metrics has an address of its own; empty: on the console's listener.
type Metrics struct{ Listen string }

// Client says how a client key is made of an address.
type Client struct{ IPv6Prefix int } // 64

// Service is one guarded service.
type Service struct {
	Name     string
	Kind     string // device, http or tcp
	Profile  string // device: a shipped name or the path of a file
	Listen   []string
	Upstream string   // device, tcp: host:port; http: URL
	Others   []string // http: further upstreams like the first
	Behind   Behind   // http: how an https upstream is verified
	Hosts    []string
	TLS      TLS
	// ProxyProtocol are the networks that must send a PROXY header; empty: off.
	ProxyProtocol []netip.Prefix
	Zone          *time.Location
	Limits        Limits
	Access        Access
	Headers       Headers // http
	// Redirect are addresses on which plain HTTP is sent on to https.
	Redirect []string
	Routes   []Route // http: longest prefix wins
	WAF      WAF     // http
	Device   Device
	TCP      TCP
	Timeouts Timeouts
}

// TCP are settings of an opaque TCP service.
type TCP struct {
	// Names are servers behind by the name in the TLS hello. Others go to the
	// service's Upstream; where that is empty they are refused.
	Names         []Name
	SendProxy     int  // version of the PROXY header, 0: none
	CloseWhenDown bool // close the listening socket while no server behind answers
}

// Name is one name and the server behind it, host:port. "*.example.com" stands for
// every name with one label more.
type Name struct{ Name, Upstream string }

// TLS says with what the service is encrypted. All empty: plain.
type TLS struct {
	Policy    string // modern or intermediate; empty: intermediate
	Cert, Key string
	DevCA     bool
	ACME      ACME // http
	HTTP3     bool // http: at UDP of the same addresses too
	Plain     bool // device: those without TLS come in at the same port too
	Clients   Clients
}

// Clients says whose certificates clients show. The zero value: they are not asked.
type Clients struct {
	CA, CRL string // files
	Require bool
}

// On reports whether clients are asked for certificates.
func (c Clients) On() bool { return c.CA != "" }

// ACME says who issues the certificates of a web service's hosts. The zero value:
// nobody does.
type ACME struct {
	Directory, CAFile, Email string
	Challenge                string // tls-alpn-01, http-01 or dns-01
	Hook                     string // of dns-01
	Renew                    int    // percent of its life that is left when a certificate is renewed
}

// On reports whether certificates are asked for.
func (a ACME) On() bool { return a.Email != "" }

// Behind says how an https upstream is verified. The zero value: by this machine's
// roots, for the URL's host.
type Behind struct {
	CA, Name   string
	Pins       []pin.Pin
	ReportOnly bool
	Until      time.Time // when the pins only report; zero: never
}

// On reports whether the service speaks TLS.
func (t TLS) On() bool { return t.DevCA || t.Cert != "" || t.ACME.On() }

// Rate is Events per Per, with Burst at once; 0 means Events.
type Rate struct {
	Events int
	Per    time.Duration
	Burst  int
}

// Spend is so much of the servers' time in Per, Burst of it at once. No Time: no limit.
type Spend struct{ Time, Per, Burst time.Duration }

// Limits are the service's limits. Mode shadow records what it would have refused.
type Limits struct {
	Mode           haechi.Mode
	Device         []Rate // 300/min, 10000/h, 100000/day
	Address        Rate   // 100/s
	Connections    int    // 10 at once, each client
	MaxConnections int    // of the service
	NewConnections Rate   // of the service; no events: no limit
	Classes        map[string]Rate
	Pause          time.Duration // how long what is over a limit waits before it is refused
	BytesIn        int64         // tcp, http (WebSockets): bytes a second from one client, 0: no limit
	BytesOut       int64         // tcp, http (WebSockets): to one client
	Upgraded       Upgraded      // http
	MinRate        int64         // tcp, http: bytes a second of a connection that is not idle, 0: no limit
	InFlight       int           // http, requests at once at the servers behind
	ClientInFlight int           // http, of them for one client
	Cost           Spend         // http, of a client
	Body           int64         // http, bytes
	Header         int           // http, bytes
	FrameIn        int           // device, bytes, 1 MiB
	FrameOut       int           // device, bytes, 32 MiB
}

// Upgraded are limits of connections that became WebSockets; zero fields are no limits.
type Upgraded struct {
	Connections    int           // of one client at once
	MaxConnections int           // of the service at once
	Message        int64         // bytes of a client's message
	Messages       Rate          // of one connection
	Lifetime       time.Duration // of one connection
}

// Access lists who may reach the service at all; an empty Allow means everybody.
type Access struct {
	Mode        haechi.Mode
	Allow, Deny []netip.Prefix
	// AllowCerts and DenyCerts are names of client certificates, a * at one end for
	// anything.
	AllowCerts, DenyCerts []string
}

// Route gives requests below a path prefix a class.
type Route struct {
	Path, Class string
	Rate        Rate // its own; no events: that of the class, else of the service
}

// Device are settings of the device gate.
type Device struct {
	Skew       time.Duration // 300 s, either way
	Hold       time.Duration // how long a refused device is kept waiting
	PendingCap int           // devices awaiting approval
	KeyOverlap time.Duration // how long the older key stays valid
	Binding    haechi.Binding
	KeysFile   string   // keys of bots, or of all; empty: the registry's
	Exempt     []string // events that need no signature
	Database   DeviceDatabase
	Pin        haechi.PinMode
}

// Timeouts bound every wait.
type Timeouts struct {
	Handshake time.Duration // device, tcp: 10 s
	Idle      time.Duration
	Header    time.Duration // http
	Body      time.Duration // http
	Send      time.Duration // http
	Upgraded  time.Duration // http
	Upstream  time.Duration // connect and first byte
}

// Site says which networks are ours besides private space, and what hosts there do.
type Site struct {
	Networks []netip.Prefix
	// The roles of hosts and networks.
	Monitoring, Backup, Directory, Scanner, Admin []netip.Prefix
}

// Sensor says where packets and logs are read, and how many flows are known at once.
type Sensor struct {
	Interfaces []string // none: off
	Logs       []Log
	Patterns   string // folder of log patterns; empty: those that ship
	Closeups   int    // addresses whose packets are kept at once
	Conntrack  bool   // the kernel's connection table
	NetFlow    NetFlow
	SFlow      NetFlow
	Flows      int
}

// NetFlow says where routers send the flows that they count, and switches packets that
// they sample.
type NetFlow struct {
	Listen    string         // UDP; empty: nowhere
	Exporters []netip.Prefix // who is heard
}

// Log is a file that is followed, or a pattern of such files.
type Log struct {
	Path string
	Only []string // ids of log patterns; none: all
}

// Rule overrides one rule; nil or zero fields keep the rule's own.
type Rule struct {
	Mode      haechi.Mode
	Threshold *float64
	Window    time.Duration
	Hours     string // "02:00-06:00", half-open
	Zone      string
	For       time.Duration
	Action    haechi.Action
	HasAction bool
	// Parameters are those of a network detector, as they are written.
	Parameters map[string]string
}

// Decide are the scores and times of deciding. A score of 0 leaves its step out;
// SharedDevices below 0 means that good devices never protect an address.
type Decide struct {
	Mode                                             haechi.Mode
	WatchAt, ThrottleAt, ChallengeAt, DenyAt, DropAt float64
	OnHigh, OnCritical                               haechi.Action
	HalfLife, Base, Max                              time.Duration
	SharedDevices                                    int
}

// Attack says how the gateway stands while a flood goes on.
type Attack struct {
	Mode           haechi.Mode
	Highest        haechi.Stage // the most that floods raise by themselves
	Calm           time.Duration
	New, SYN, Echo Rate // of one client, from tighten on
}

// Shield says what is enforced in the kernel.
type Shield struct {
	Kernel                 string        // off, auto, nft or xdp
	Interfaces             []string      // on which XDP drops
	Pins                   string        // folder in a BPF file system
	Socket                 string        // of the shield process; empty: the gateway changes the kernel itself
	SourceRate             Rate          // packets of one source in XDP; no events: no limit
	SourceWatch            bool          // what SourceRate would drop is only counted
	OpenRate               Rate          // connections at one address and port before XDP answers; no events: it never does
	PingRate, FragmentRate Rate          // of all sources together in XDP; no events: no limit
	CrowdWatch             bool          // what they would drop is only counted
	Reflection             string        // of answers that nobody asked for: off, watch or drop
	From                   haechi.Action // the mildest that the kernel takes over: Deny or Drop
	Lists                  []DenyList
}

// DenyList is a file of addresses that are refused.
type DenyList struct {
	Name, File string
	Mode       haechi.Mode
}

// Alerts are where incidents are told.
type Alerts struct {
	Webhook, Slack string // files that hold the URL; empty: off
	AtLeast        haechi.Severity
}

// Records says where they lie, how long each kind is kept, and what is written beside them.
type Records struct {
	Store                                            RecordStore
	Backups                                          string // folder; empty: none besides the state folder
	SecurityLog                                      string // file; empty: none
	Events, Messages, Connections, Findings, Queries time.Duration
}

// RecordStore is where the records lie: in SQLite files in the state folder, or with a
// DSNFile in a database.
type RecordStore struct {
	DSNFile, CAFile string
	Pool            int   // connections to the database
	Spool           int64 // bytes of the file for what the store does not take
}

// Value is one effective setting with where it comes from: "default" or file:line.
type Value struct {
	Path   string `json:"path"`
	Value  string `json:"value"`
	Origin string `json:"origin"`
}

// Effective lists every setting with its value and origin, secrets never among
// them.
func (c *Config) Effective() []Value { return c.effective }
