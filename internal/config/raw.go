package config

// The raw shape: what a person writes. Every field is one key. The tags are its
// whole description: jsonschema bounds and choices hold for the loader and for the
// printed schema alike; only: names the kinds of service that a key is for;
// least: and most: bound durations and sizes.

type rawFile struct {
	State          string                `yaml:"state" jsonschema:"minLength=1" jsonschema_description:"Folder of the records, keys and the local socket."`
	User           string                `yaml:"user,omitempty" jsonschema_description:"User, by name or number, that a gateway which root starts becomes; the shield process is started beside it. Without it, whoever the state folder belongs to."`
	Zone           zone                  `yaml:"zone" jsonschema_description:"Time zone of reports and of rules about hours, for example Asia/Seoul. Local is the machine's."`
	Console        rawConsole            `yaml:"console" jsonschema_description:"The operators' console."`
	Metrics        rawMetrics            `yaml:"metrics" jsonschema_description:"Where Prometheus reads."`
	Client         rawClient             `yaml:"client" jsonschema_description:"What counts as one client."`
	Allow          []network             `yaml:"allow" jsonschema_description:"Addresses and networks that beat every rule, list and limit."`
	TrustedProxies []network             `yaml:"trusted_proxies" jsonschema_description:"Our own proxies: only their X-Forwarded-For is believed."`
	Site           rawSite               `yaml:"site" jsonschema_description:"What is ours in the network, for the detectors of the network sensor."`
	Sensor         rawSensor             `yaml:"sensor" jsonschema_description:"Live detection on network interfaces and in files of logs."`
	Services       map[string]rawService `yaml:"services" jsonschema_description:"What is guarded, by name."`
	Rules          map[string]rawRule    `yaml:"rules" jsonschema_description:"Changes to rules, by id; haechi rules lists them."`
	Decide         rawDecide             `yaml:"decide" jsonschema_description:"How findings become decisions."`
	Attack         rawAttack             `yaml:"attack" jsonschema_description:"How the gateway stands while a flood goes on."`
	Shield         rawShield             `yaml:"shield" jsonschema_description:"What is enforced in the kernel."`
	Alerts         rawAlerts             `yaml:"alerts" jsonschema_description:"Where incidents are told."`
	Records        rawRecords            `yaml:"records" jsonschema_description:"Where the records lie, and how long each kind is kept."`
}

type rawConsole struct {
	Listen   listen `yaml:"listen" jsonschema_description:"Address of the console; an empty text switches it off."`
	Cert     string `yaml:"cert,omitempty" jsonschema_description:"Certificate file (PEM). Without one the development CA is used."`
	Key      string `yaml:"key,omitempty" jsonschema_description:"Key file (PEM) of the certificate."`
	Language string `yaml:"language,omitempty" jsonschema:"enum=en,enum=ko" jsonschema_description:"Language of the console; without it the browser's."`
}

type rawMetrics struct {
	Listen listen `yaml:"listen" jsonschema_description:"Address of /metrics, open to whoever reaches it; empty: on the console's, to this machine only."`
}

type rawClient struct {
	IPv6Prefix int `yaml:"ipv6_prefix" jsonschema:"minimum=32,maximum=128" jsonschema_description:"Length of the IPv6 prefix that is one client."`
}

type rawSite struct {
	Networks []network `yaml:"networks,omitempty" jsonschema_description:"Public networks of the site; private space (RFC 6890) is always ours."`
	Roles    rawRoles  `yaml:"roles" jsonschema_description:"Hosts and networks whose work looks like an attack."`
}

type rawRoles struct {
	Monitoring []network `yaml:"monitoring,omitempty" jsonschema_description:"They poll everything."`
	Backup     []network `yaml:"backup,omitempty" jsonschema_description:"They move great amounts."`
	Directory  []network `yaml:"directory,omitempty" jsonschema_description:"They are asked by everybody: domain controllers, resolvers."`
	Scanner    []network `yaml:"scanner,omitempty" jsonschema_description:"They scan on your order."`
	Admin      []network `yaml:"admin,omitempty" jsonschema_description:"They administer other hosts."`
}

type rawSensor struct {
	Interfaces []string   `yaml:"interfaces,omitempty" jsonschema_description:"Network interfaces whose packets are read; none: the sensor is off. It needs CAP_NET_RAW or the shield process."`
	Logs       []rawLog   `yaml:"logs,omitempty" jsonschema:"maxItems=64" jsonschema_description:"Files of logs that are followed, beginning with what is added to them."`
	Patterns   string     `yaml:"patterns,omitempty" jsonschema_description:"Folder of your own log patterns, relative to this file; haechi check judges them by their examples."`
	Closeups   int        `yaml:"closeups" jsonschema:"minimum=0,maximum=1024" jsonschema_description:"Of how many addresses packets are kept at once since an incident of severity high, 1 MiB each; 0: none."`
	Conntrack  bool       `yaml:"conntrack,omitempty" jsonschema_description:"Tell flows of the connections that this machine's kernel forgets. It needs CAP_NET_ADMIN or the shield process."`
	NetFlow    rawNetFlow `yaml:"netflow,omitempty" jsonschema_description:"Flows that routers count and send: NetFlow 5 and 9, and IPFIX."`
	SFlow      rawNetFlow `yaml:"sflow,omitempty" jsonschema_description:"Packets that switches sample and send: sFlow 5."`
	Flows      int        `yaml:"flows" jsonschema:"minimum=4096,maximum=16777216" jsonschema_description:"Most conversations over IPv4 at once, 64 bytes each, and half as many over IPv6, 88 each."`
}

type rawNetFlow struct {
	Listen    listen    `yaml:"listen,omitempty" jsonschema_description:"UDP address that routers and switches send to, for example 10.0.0.5:2055; none: they are not heard."`
	Exporters []network `yaml:"exporters,omitempty" jsonschema:"maxItems=64" jsonschema_description:"The routers or switches, as addresses or networks; datagrams of others are only counted."`
}

type rawLog struct {
	Path string   `yaml:"path" jsonschema:"required" jsonschema_description:"File, or a pattern such as /var/log/nginx/*.log; rotation is followed."`
	Only []string `yaml:"only,omitempty" jsonschema:"maxItems=64" jsonschema_description:"The log patterns that may speak about its lines, for example sshd; without it any."`
}

type rawService struct {
	Kind          string     `yaml:"kind" jsonschema:"required,enum=device,enum=http,enum=tcp" jsonschema_description:"device: framed TCP devices; http: a web service; tcp: any other TCP service."`
	Profile       string     `yaml:"profile,omitempty" only:"device" jsonschema_description:"The devices' protocol: a shipped profile, or the file of one, relative to this file."`
	Listen        []listen   `yaml:"listen" jsonschema:"required" jsonschema_description:"Addresses to listen on."`
	Upstream      string     `yaml:"upstream,omitempty" jsonschema_description:"The server behind: host:port for device and tcp, a URL for http."`
	Upstreams     []string   `yaml:"upstreams,omitempty" only:"http" jsonschema:"maxItems=64" jsonschema_description:"Several servers in place of upstream, any of which may answer; URLs of one scheme."`
	UpstreamTLS   rawBehind  `yaml:"upstream_tls,omitempty" only:"http" jsonschema_description:"How the server behind is verified, for an https upstream; without it by this machine's roots."`
	Hosts         []string   `yaml:"hosts,omitempty" only:"http" jsonschema_description:"Host names that are served; others get nothing."`
	TLS           rawTLS     `yaml:"tls,omitempty" jsonschema_description:"Encryption; without it the service is plain."`
	ProxyProtocol []network  `yaml:"proxy_protocol,omitempty" jsonschema_description:"Networks that must send a PROXY header."`
	Zone          zone       `yaml:"zone,omitempty" jsonschema_description:"The service's time zone; without it that of the file."`
	Limits        rawLimits  `yaml:"limits" jsonschema_description:"How much is let through."`
	Access        rawAccess  `yaml:"access,omitempty" jsonschema_description:"Who may reach the service at all."`
	Headers       rawHeaders `yaml:"headers" only:"http" jsonschema_description:"What every answer to a browser says besides."`
	Redirect      []listen   `yaml:"redirect,omitempty" only:"http" jsonschema_description:"Addresses on which plain HTTP is sent on to https, for example :80."`
	Routes        []rawRoute `yaml:"routes,omitempty" only:"http" jsonschema_description:"Classes of requests by path; the longest prefix wins."`
	WAF           rawWAF     `yaml:"waf" only:"http" jsonschema_description:"Rules on requests and their bodies."`
	Device        rawDevice  `yaml:"device,omitempty" only:"device" jsonschema_description:"Settings of the device gate."`
	TCP           rawTCP     `yaml:"tcp,omitempty" only:"tcp" jsonschema_description:"Settings of an opaque TCP service."`
	Timeouts      rawWaits   `yaml:"timeouts" jsonschema_description:"The bound of every wait."`
}

type rawTLS struct {
	Policy string `yaml:"policy,omitempty" jsonschema:"enum=modern,enum=intermediate" jsonschema_description:"modern: TLS 1.3 only; intermediate, which it is without this: TLS 1.2 with forward secrecy too."`
	Cert   string `yaml:"cert,omitempty" jsonschema_description:"Certificate file (PEM), with its chain."`
	Key    string `yaml:"key,omitempty" jsonschema_description:"Key file (PEM) of the certificate."`
	DevCA  bool   `yaml:"dev_ca,omitempty" jsonschema_description:"Use the built-in development CA."`
	Plain  string `yaml:"plain,omitempty" only:"device" jsonschema:"enum=allow,enum=refuse" jsonschema_description:"Whether devices without TLS may come in at the same port; without it they are refused."`

	HTTP3 bool `yaml:"http3,omitempty" only:"http" jsonschema_description:"Speak HTTP/3 as well, at UDP of the same addresses; without it HTTP/1.1 and HTTP/2 only."`

	Clients rawClients `yaml:"clients,omitempty" jsonschema_description:"Clients that show certificates of their own (mTLS); without it they are not asked."`

	ACME rawACME `yaml:"acme,omitempty" only:"http" jsonschema_description:"Certificates of an authority that speaks ACME, asked for and renewed by the gateway."`
}

// rawClients says whose certificates clients show.
type rawClients struct {
	CA   string `yaml:"ca,omitempty" jsonschema_description:"File (PEM) of the authorities whose certificates are believed, relative to this file; changes are taken over within ten seconds."`
	Mode string `yaml:"mode,omitempty" jsonschema:"enum=request,enum=require" jsonschema_description:"request: who shows none comes in without a name; require, which it is without this: nobody does."`
	CRL  string `yaml:"crl,omitempty" jsonschema_description:"File of revocation lists, one of each authority, relative to this file; changes are taken over within ten seconds. Without it nothing is revoked."`
}

// rawACME keeps certificates for the hosts of a web service.
type rawACME struct {
	Email     string `yaml:"email,omitempty" jsonschema_description:"Address of the account; the authority writes to it."`
	Agree     bool   `yaml:"agree_terms,omitempty" jsonschema_description:"That you agree to the authority's terms of service; without it nothing is asked for."`
	Directory string `yaml:"directory,omitempty" jsonschema_description:"URL of the authority's directory; without it that of Let's Encrypt."`
	CAFile    string `yaml:"ca_file,omitempty" jsonschema_description:"File (PEM) of the roots that signed the authority's own certificate, instead of this machine's."`
	Challenge string `yaml:"challenge,omitempty" jsonschema:"enum=tls-alpn-01,enum=http-01,enum=dns-01" jsonschema_description:"How a host is proved: tls-alpn-01, which it is without this, at the first of listen; http-01 at the first of redirect; dns-01 by hook."`
	Hook      string `yaml:"hook,omitempty" jsonschema_description:"Program that sets and takes away the TXT record of dns-01."`
	Renew     int    `yaml:"renew_percent,omitempty" jsonschema:"minimum=1,maximum=95" jsonschema_description:"How much of its life is left when a certificate is renewed; without it 33."`
}

type rawBehind struct {
	CA    string   `yaml:"ca,omitempty" jsonschema_description:"File (PEM) of the CA that signed the upstream's certificate, instead of this machine's roots."`
	Name  string   `yaml:"name,omitempty" jsonschema_description:"Name that its certificate must hold, instead of the URL's host."`
	Pins  []spki   `yaml:"pins,omitempty" jsonschema:"maxItems=10" jsonschema_description:"Keys that it may have, as haechi pin prints them; two at least, one of them a backup."`
	Mode  string   `yaml:"pins_mode,omitempty" jsonschema:"enum=shadow,enum=enforce" jsonschema_description:"shadow only reports a key that is not pinned; enforce, which it is without this, refuses to connect."`
	Until calendar `yaml:"pins_until,omitempty" jsonschema_description:"Day from which the pins only report, for example 2027-06-30."`
}

type rawLimits struct {
	Mode           string          `yaml:"mode" jsonschema:"enum=off,enum=shadow,enum=enforce" jsonschema_description:"off, shadow (record what would be refused) or enforce."`
	Device         []rate          `yaml:"device" only:"device" jsonschema:"maxItems=3" jsonschema_description:"Messages of one device; up to three windows, judged together."`
	Address        rate            `yaml:"address" jsonschema_description:"Connections and requests of one client."`
	Connections    int             `yaml:"connections" jsonschema:"minimum=1,maximum=1000000" jsonschema_description:"Connections of one client at once; a proved device does not count."`
	MaxConnections int             `yaml:"max_connections" jsonschema:"minimum=1,maximum=10000000" jsonschema_description:"Connections of the whole service at once."`
	NewConnections rate            `yaml:"new_connections,omitempty" jsonschema_description:"New connections of all clients of the service together; without it there is no such limit."`
	Classes        map[string]rate `yaml:"classes" only:"http" jsonschema_description:"Requests of one client by the class of their route."`
	Pause          duration        `yaml:"pause" most:"5s" jsonschema_description:"How long a device over its limit, bytes over bytes_in or bytes_out, or messages over upgraded.messages are made to wait before they are refused; 0s refuses at once."`
	BytesIn        size            `yaml:"bytes_in,omitempty" only:"tcp http" least:"1KiB" most:"512MiB" jsonschema_description:"What one client may send in a second, over all its connections (http: those that became WebSockets); without it there is no such limit."`
	BytesOut       size            `yaml:"bytes_out,omitempty" only:"tcp http" least:"1KiB" most:"512MiB" jsonschema_description:"What one client may be sent in a second; without it there is no such limit."`
	MinRate        size            `yaml:"min_rate,omitempty" only:"tcp http" least:"1B" most:"1MiB" jsonschema_description:"tcp: what a connection that is not idle must move in a second, over ten seconds; without it there is no such limit. http: what a client must send of a body, over timeouts.body, and take of an answer, over timeouts.send, in a second."`
	InFlight       int             `yaml:"in_flight" only:"http" jsonschema:"minimum=8,maximum=1000000" jsonschema_description:"Requests that the servers behind may have at once; when they are busy, fewer, and the newest clients are refused first."`
	ClientInFlight int             `yaml:"client_in_flight" only:"http" jsonschema:"minimum=1,maximum=1000000" jsonschema_description:"Requests of one client that the servers behind may have at once, over all its connections."`
	Cost           spend           `yaml:"cost" only:"http" jsonschema_description:"How much of the servers' time one client may take up while they are busy; off: no such limit."`
	Body           size            `yaml:"body" only:"http" least:"1B" most:"1TiB" jsonschema_description:"Largest request body."`
	Header         size            `yaml:"header" only:"http" least:"1KiB" most:"1MiB" jsonschema_description:"Largest request header."`
	Upgraded       rawUpgraded     `yaml:"upgraded,omitempty" only:"http" jsonschema_description:"Connections that became WebSockets. Each of these limits is off without being set."`
	FrameIn        size            `yaml:"frame_in" only:"device" least:"1KiB" most:"64MiB" jsonschema_description:"Longest line from a device."`
	FrameOut       size            `yaml:"frame_out" only:"device" least:"1KiB" most:"256MiB" jsonschema_description:"Longest line to a device."`
}

// rawUpgraded are limits of connections that became WebSockets.
type rawUpgraded struct {
	Connections    int      `yaml:"connections,omitempty" jsonschema:"minimum=0,maximum=1000000" jsonschema_description:"Those of one client at once."`
	MaxConnections int      `yaml:"max_connections,omitempty" jsonschema:"minimum=0,maximum=10000000" jsonschema_description:"Those of the whole service at once."`
	Message        size     `yaml:"message,omitempty" least:"125B" most:"1GiB" jsonschema_description:"Largest message of a client, all its parts together, as it is sent, which may be compressed."`
	Messages       rate     `yaml:"messages,omitempty" jsonschema_description:"Messages, pings and small parts that one connection may send; more wait for limits.pause, and then the connection ends."`
	Lifetime       duration `yaml:"lifetime,omitempty" least:"1s" most:"31d" jsonschema_description:"How long one may last."`
}

type rawAccess struct {
	Mode  string    `yaml:"mode,omitempty" jsonschema:"enum=off,enum=shadow,enum=enforce" jsonschema_description:"off, shadow or enforce."`
	Allow []network `yaml:"allow,omitempty" jsonschema_description:"Alone: only these come in. With deny: exceptions from it."`
	Deny  []network `yaml:"deny,omitempty" jsonschema_description:"These do not come in, except where allow matches."`

	Certificates rawNames `yaml:"certificates,omitempty" jsonschema_description:"The same by the names of client certificates; who has to pass both lists passes both."`
}

// rawNames are names of client certificates; a * at the end or the beginning stands for
// anything.
type rawNames struct {
	Allow []string `yaml:"allow,omitempty" jsonschema:"maxItems=10000" jsonschema_description:"Alone: only these come in. With deny: exceptions from it. For example spiffe://shop/*."`
	Deny  []string `yaml:"deny,omitempty" jsonschema:"maxItems=10000" jsonschema_description:"These do not come in, except where allow matches."`
}

type rawHeaders struct {
	Mode       string     `yaml:"mode" jsonschema:"enum=off,enum=enforce" jsonschema_description:"off: answers pass as the server behind made them, and pages are not looked at."`
	HSTS       duration   `yaml:"hsts" most:"730d" jsonschema_description:"How long browsers insist on https; raise it in stages: 5m, 7d, 30d, 365d. 0s sends none."`
	Subdomains bool       `yaml:"hsts_subdomains,omitempty" jsonschema_description:"The same for all names below the hosts: check first that each of them has https."`
	Preload    string     `yaml:"hsts_preload,omitempty" jsonschema_description:"The domain, written out, to let browsers build it in; that takes months to take back."`
	Frames     string     `yaml:"frames" jsonschema:"enum=any,enum=self,enum=none" jsonschema_description:"Who may show the pages in a frame, where the server behind does not say."`
	Referrer   string     `yaml:"referrer" jsonschema:"enum=no-referrer,enum=same-origin,enum=strict-origin,enum=strict-origin-when-cross-origin" jsonschema_description:"Referrer-Policy, where the server behind does not say."`
	Cookies    rawCookies `yaml:"cookies" jsonschema_description:"What cookies of the server behind get that they do not say themselves."`
	CSP        rawCSP     `yaml:"csp" jsonschema_description:"Content security policy of its HTML."`
}

type rawCookies struct {
	Secure   bool     `yaml:"secure" jsonschema_description:"Secure, over TLS."`
	HTTPOnly bool     `yaml:"http_only" jsonschema_description:"HttpOnly, save for those in readable."`
	Readable []string `yaml:"readable,omitempty" jsonschema_description:"Names of cookies that scripts read."`
	SameSite string   `yaml:"same_site" jsonschema:"enum=keep,enum=lax,enum=strict" jsonschema_description:"SameSite; keep adds none."`
}

type rawCSP struct {
	Mode        string `yaml:"mode" jsonschema:"enum=off,enum=shadow,enum=enforce" jsonschema_description:"shadow: browsers only report."`
	Policy      string `yaml:"policy" jsonschema_description:"The policy; {nonce} stands for the answer's nonce."`
	Placeholder string `yaml:"placeholder,omitempty" jsonschema_description:"An unguessable text that the server behind writes into nonce attributes and the gateway replaces."`
}

type rawRoute struct {
	Path  string `yaml:"path" jsonschema:"required" jsonschema_description:"Path prefix, for example /login."`
	Class string `yaml:"class" jsonschema:"required" jsonschema_description:"Class, for example asset, page, api or login."`
	Rate  rate   `yaml:"rate,omitempty" jsonschema_description:"Requests of one client to this route, in place of its class's limit."`
}

type rawWAF struct {
	Mode       string         `yaml:"mode" jsonschema:"enum=off,enum=shadow,enum=enforce" jsonschema_description:"off, shadow (record what would be refused) or enforce: the OWASP Core Rule Set on requests and their bodies."`
	Paranoia   int            `yaml:"paranoia" jsonschema:"minimum=1,maximum=4" jsonschema_description:"Level of the rules: 1 for every site; from 2 on expect false alarms."`
	Threshold  int            `yaml:"threshold" jsonschema:"minimum=1,maximum=1000" jsonschema_description:"Anomaly score that refuses; a critical rule adds 5."`
	Body       size           `yaml:"body" least:"1KiB" most:"16MiB" jsonschema_description:"How much of a body is judged."`
	Oversized  string         `yaml:"oversized" jsonschema:"enum=refuse,enum=partial" jsonschema_description:"Longer bodies: refuse, or partial: judge the beginning."`
	Compressed string         `yaml:"compressed" jsonschema:"enum=refuse,enum=inflate" jsonschema_description:"Compressed bodies: refuse, or inflate gzip and deflate to judge them."`
	OnError    string         `yaml:"on_error" jsonschema:"enum=refuse,enum=pass" jsonschema_description:"What becomes of a request that the rules could not be asked about."`
	Engine     string         `yaml:"engine" jsonschema:"enum=fast,enum=oracle" jsonschema_description:"Who asks the rules: fast (clears what none can match, and asks Coraza about the rest) or oracle (Coraza about everything)."`
	Sample     int            `yaml:"sample" jsonschema:"minimum=0,maximum=1000000000" jsonschema_description:"Ask Coraza also about one in so many requests that the fast engine cleared, and report a difference; 0: about none."`
	Extra      string         `yaml:"extra" jsonschema:"enum=on,enum=off" jsonschema_description:"Haechi's own rules beside the Core Rule Set, for attacks that it does not see at paranoia 1."`
	Context    string         `yaml:"context" jsonschema:"enum=off,enum=shadow,enum=enforce" jsonschema_description:"What parameters usually hold: off (not learned), shadow (learned, and told where one holds something else) or enforce (that adds to the score)."`
	Score      int            `yaml:"context_score" jsonschema:"minimum=0,maximum=1000" jsonschema_description:"What it adds to the score of a request; 0: 3, and never enough to refuse by itself."`
	Responses  string         `yaml:"responses" jsonschema:"enum=off,enum=shadow,enum=enforce" jsonschema_description:"off, shadow (record what would be withheld) or enforce: the Core Rule Set's rules about answers that leak."`
	OutScore   int            `yaml:"response_threshold" jsonschema:"minimum=1,maximum=1000" jsonschema_description:"Anomaly score that withholds an answer; a rule adds 4 or 5."`
	OutBody    size           `yaml:"response_body" least:"1KiB" most:"1MiB" jsonschema_description:"How much of an answer's body is judged; in enforce its client waits for so much."`
	Runs       string         `yaml:"application,omitempty" jsonschema:"enum=gnuboard5,enum=nextcloud,enum=phpmyadmin,enum=rhymix,enum=wordpress" jsonschema_description:"The application that is served: what its forms hold is excepted by rules, path and parameter."`
	UTF8       bool           `yaml:"utf8,omitempty" jsonschema_description:"Parameters that are no UTF-8 add to the score."`
	Before     []string       `yaml:"rules_before,omitempty" jsonschema:"maxItems=16" jsonschema_description:"Files of SecLang rules of your own, asked before the Core Rule Set; relative to this file."`
	Rules      []string       `yaml:"rules,omitempty" jsonschema:"maxItems=16" jsonschema_description:"The same, asked after it: virtual patches go here."`
	Routes     []rawWAFRoute  `yaml:"routes,omitempty" jsonschema:"maxItems=64" jsonschema_description:"Other settings for paths and what is below them; the longest wins."`
	Exceptions []rawException `yaml:"exceptions,omitempty" jsonschema:"maxItems=1000" jsonschema_description:"What is not held against whom."`
}

type rawWAFRoute struct {
	Path      string `yaml:"path" jsonschema:"required" jsonschema_description:"Path prefix, for example /admin."`
	Mode      string `yaml:"mode,omitempty" jsonschema:"enum=off,enum=shadow,enum=enforce" jsonschema_description:"As for the service, whose it is without this."`
	Paranoia  int    `yaml:"paranoia,omitempty" jsonschema:"minimum=0,maximum=4" jsonschema_description:"As for the service, whose it is without this."`
	Threshold int    `yaml:"threshold,omitempty" jsonschema:"minimum=0,maximum=1000" jsonschema_description:"As for the service, whose it is without this."`
	Responses string `yaml:"responses,omitempty" jsonschema:"enum=off,enum=shadow,enum=enforce" jsonschema_description:"As for the service, whose it is without this."`
	Runs      string `yaml:"application,omitempty" jsonschema:"enum=gnuboard5,enum=nextcloud,enum=phpmyadmin,enum=rhymix,enum=wordpress" jsonschema_description:"The application that is served below this path."`
}

type rawException struct {
	Rule     int      `yaml:"rule" jsonschema:"required,minimum=1" jsonschema_description:"Id of the rule."`
	Path     string   `yaml:"path" jsonschema:"required" jsonschema_description:"A path, or with a slash at its end all paths below."`
	Variable string   `yaml:"variable" jsonschema:"required" jsonschema_description:"The variable, as haechi why names it, for example ARGS:q."`
	Owner    string   `yaml:"owner" jsonschema:"required" jsonschema_description:"Who answers for it."`
	Expires  calendar `yaml:"expires" jsonschema:"required" jsonschema_description:"Day on which it ends, for example 2027-06-30."`
	Reason   string   `yaml:"reason,omitempty" jsonschema_description:"Why."`
}

type rawDevice struct {
	Skew       duration `yaml:"skew" least:"1s" most:"1h" jsonschema_description:"How far a device's clock may be off, either way."`
	Hold       duration `yaml:"hold" least:"1s" most:"1h" jsonschema_description:"How long a refused device is kept waiting."`
	Pending    int      `yaml:"pending" jsonschema:"minimum=1,maximum=100000" jsonschema_description:"How many devices may await approval."`
	Binding    string   `yaml:"binding" jsonschema:"enum=off,enum=accept,enum=require" jsonschema_description:"A second signature that covers the whole frame: off, accept (verified where there is one) or require."`
	Pin        string   `yaml:"pin" jsonschema:"enum=first,enum=equal,enum=off" jsonschema_description:"What a device is bound to: first (the identity that its first proved session signed), equal (that must also be its device id) or off."`
	KeysFile   string   `yaml:"keys_file,omitempty" jsonschema_description:"File of keys, relative to this file: for a profile whose keys are those of bots, or for a fleet that shares one beside the devices' own."`
	Exempt     []string `yaml:"exempt,omitempty" jsonschema:"maxItems=16" jsonschema_description:"Events that need no signature; anybody on the path can forge them."`
	KeyOverlap duration `yaml:"key_overlap" least:"1m" most:"365d" jsonschema_description:"How long the older of two keys stays valid."`

	Database rawDatabase `yaml:"database,omitempty" jsonschema_description:"An existing bot system's database: its approvals count."`
}

// rawDatabase is an existing database of a bot system.
type rawDatabase struct {
	DSNFile   string   `yaml:"dsn_file,omitempty" jsonschema_description:"File that holds user:password@tcp(host:3306)/database, which is a secret; relative to this file. With it the devices' status is that of kb_bot_devices there."`
	Every     duration `yaml:"every,omitempty" least:"1s" most:"5m" jsonschema_description:"How often it is read; without it 3s."`
	Register  bool     `yaml:"register,omitempty" jsonschema_description:"Add unknown devices there as pending; nothing else is ever written."`
	Upstreams string   `yaml:"upstreams,omitempty" jsonschema:"enum=off,enum=live,enum=test,enum=all" jsonschema_description:"Find the servers behind in kb_server_processes, in place of upstream; off without it."`
	Host      string   `yaml:"host,omitempty" jsonschema_description:"Host of the servers found, where the one in the tables cannot be reached."`
}

type rawTCP struct {
	Names     []rawName `yaml:"names,omitempty" jsonschema_description:"Servers behind by the name in the client's TLS hello. Other names go to upstream; without one they are refused."`
	SendProxy string    `yaml:"send_proxy" jsonschema:"enum=off,enum=v1,enum=v2" jsonschema_description:"The PROXY header that tells the server behind who the client is."`
	WhenDown  string    `yaml:"when_down" jsonschema:"enum=close,enum=refuse" jsonschema_description:"While no server behind answers: close the listening socket, or accept and end each connection."`
}

type rawName struct {
	Name     string `yaml:"name" jsonschema:"required" jsonschema_description:"A name, for example git.example.com, or *.example.com."`
	Upstream string `yaml:"upstream" jsonschema:"required" jsonschema_description:"The server behind it, host:port."`
}

type rawWaits struct {
	Handshake duration `yaml:"handshake" only:"device tcp" least:"1s" most:"10m" jsonschema_description:"For the TLS handshake or hello, for a device's own handshake, and again for its first signed answer."`
	Idle      duration `yaml:"idle" least:"1s" most:"24h" jsonschema_description:"Longest silence of a connection."`
	Header    duration `yaml:"header" only:"http" least:"1s" most:"10m" jsonschema_description:"For a whole request header."`
	Body      duration `yaml:"body" only:"http" least:"1s" most:"24h" jsonschema_description:"How far a request body may fall behind limits.min_rate."`
	Send      duration `yaml:"send" only:"http" least:"1s" most:"1h" jsonschema_description:"Over what time a client that does not take its answer is held to limits.min_rate."`
	Upgraded  duration `yaml:"upgraded" only:"http" least:"1s" most:"24h" jsonschema_description:"Longest silence, of both sides, on a connection that became a WebSocket."`
	Upstream  duration `yaml:"upstream" least:"1s" most:"1h" jsonschema_description:"For the server behind to accept and begin its answer."`
}

type rawRule struct {
	Mode      string   `yaml:"mode,omitempty" jsonschema:"enum=off,enum=shadow,enum=enforce" jsonschema_description:"off, shadow or enforce."`
	Threshold *float64 `yaml:"threshold,omitempty" jsonschema:"minimum=0" jsonschema_description:"N is allowed, more fires."`
	Window    duration `yaml:"window,omitempty" least:"1s" most:"31d" jsonschema_description:"The sliding window."`
	Hours     hours    `yaml:"hours,omitempty" jsonschema_description:"From the first time of day up to the second, which is not part of it."`
	Zone      zone     `yaml:"zone,omitempty" jsonschema_description:"Time zone of the hours."`
	For       duration `yaml:"for,omitempty" least:"1s" most:"365d" jsonschema_description:"How long the action lasts the first time."`
	Action    string   `yaml:"action,omitempty" jsonschema:"enum=pass,enum=watch,enum=throttle,enum=challenge,enum=deny,enum=drop" jsonschema_description:"What the rule asks for; pass leaves it to the score."`

	Parameters map[string]parameter `yaml:"parameters,omitempty" jsonschema_description:"Parameters of a network detector, by name; haechi rules --json lists them. Those not named stay as they are."`
}

type rawDecide struct {
	Mode        string   `yaml:"mode" jsonschema:"enum=off,enum=shadow,enum=enforce" jsonschema_description:"Bounds all automatic decisions: shadow decides nothing for real, off leaves incidents only."`
	WatchAt     float64  `yaml:"watch_at" jsonschema:"minimum=0,maximum=1000000" jsonschema_description:"Score from which an actor is watched; 0 leaves the step out."`
	ThrottleAt  float64  `yaml:"throttle_at" jsonschema:"minimum=0,maximum=1000000" jsonschema_description:"Score from which it is slowed down; 0 leaves the step out."`
	ChallengeAt float64  `yaml:"challenge_at" jsonschema:"minimum=0,maximum=1000000" jsonschema_description:"Score from which it must prove something first; 0 leaves the step out."`
	DenyAt      float64  `yaml:"deny_at" jsonschema:"minimum=0,maximum=1000000" jsonschema_description:"Score from which it is refused; 0 leaves the step out."`
	DropAt      float64  `yaml:"drop_at" jsonschema:"minimum=0,maximum=1000000" jsonschema_description:"Score from which it is dropped silently; 0 leaves the step out."`
	OnHigh      string   `yaml:"on_high" jsonschema:"enum=watch,enum=throttle,enum=deny,enum=drop" jsonschema_description:"The least that a high finding of a network detector leads to; watch adds nothing."`
	OnCritical  string   `yaml:"on_critical" jsonschema:"enum=watch,enum=throttle,enum=deny,enum=drop" jsonschema_description:"The least that a critical finding of a network detector leads to; watch adds nothing."`
	HalfLife    duration `yaml:"half_life" least:"1s" most:"31d" jsonschema_description:"Time in which a score halves."`
	Base        duration `yaml:"base" least:"1s" most:"31d" jsonschema_description:"Length of a first decision; each repetition doubles it."`
	Max         duration `yaml:"max" least:"1s" most:"365d" jsonschema_description:"Longest automatic decision."`
	Shared      int      `yaml:"shared_devices" jsonschema:"minimum=0,maximum=1000000" jsonschema_description:"How many good devices behind an address protect it; 0: never."`
}

type rawAttack struct {
	Mode    string   `yaml:"mode" jsonschema:"enum=off,enum=shadow,enum=enforce" jsonschema_description:"shadow: the stage that a flood raises is shown and not taken; off: floods raise none. An operator's stage is taken in any case."`
	Highest string   `yaml:"highest" jsonschema:"enum=tighten,enum=cookies,enum=known" jsonschema_description:"The most that floods raise by themselves."`
	Calm    duration `yaml:"calm" least:"10s" most:"1d" jsonschema_description:"So long nothing must be seen before it steps down; it doubles where floods follow one another."`
	New     rate     `yaml:"new" jsonschema_description:"From tighten on: new connections of one client."`
	SYN     rate     `yaml:"syn" jsonschema_description:"From tighten on: SYNs of one source that never completed a handshake, in the kernel."`
	Echo    rate     `yaml:"echo" jsonschema_description:"From tighten on: pings of one source, in the kernel."`
}

type rawShield struct {
	Kernel     string    `yaml:"kernel" jsonschema:"enum=off,enum=auto,enum=nft,enum=xdp" jsonschema_description:"off: enforce in the process only; auto: drop in the kernel where that is possible; nft, xdp: refuse to start without it."`
	Interfaces []string  `yaml:"interfaces,omitempty" jsonschema_description:"Interfaces on which XDP drops, before the kernel makes anything of a packet; with auto and none, nftables alone."`
	Pins       string    `yaml:"pins" jsonschema_description:"Folder in a BPF file system in which what XDP enforces outlives the process."`
	Socket     string    `yaml:"socket,omitempty" jsonschema_description:"Socket of the shield process, haechi shield, which changes the kernel for a gateway that may not; without it the gateway does."`
	SourceRate rate      `yaml:"source_rate,omitempty" jsonschema_description:"Packets of one source in XDP, an IPv4 address or a /64 of IPv6; without it there is no such limit."`
	SourceMode string    `yaml:"source_mode" jsonschema:"enum=watch,enum=drop" jsonschema_description:"watch: count what source_rate would drop; drop: drop it."`
	OpenRate   rate      `yaml:"open_rate,omitempty" jsonschema_description:"Connections that may open at one address and port before XDP answers with SYN cookies; without it the kernel answers all."`
	PingRate   rate      `yaml:"ping_rate,omitempty" jsonschema_description:"Pings for this machine, of all sources together, beyond which XDP asks strangers to come again; without it there is no such limit."`
	PieceRate  rate      `yaml:"fragment_rate,omitempty" jsonschema_description:"Fragments for this machine, of all sources together, beyond which XDP asks strangers to come again; without it there is no such limit."`
	CrowdMode  string    `yaml:"crowd_mode" jsonschema:"enum=watch,enum=drop" jsonschema_description:"watch: count what ping_rate and fragment_rate would drop; drop: drop it."`
	Reflection string    `yaml:"reflection" jsonschema:"enum=off,enum=watch,enum=drop" jsonschema_description:"What XDP does with answers of DNS, NTP, SSDP, memcached and the like that nobody here asked for; watch: count them."`
	From       string    `yaml:"from" jsonschema:"enum=deny,enum=drop" jsonschema_description:"The mildest action that the kernel takes over; from deny on a denied address gets no answer and no reference."`
	Lists      []rawList `yaml:"lists,omitempty" jsonschema:"maxItems=16" jsonschema_description:"Deny lists that come as files: who is on one is refused, in the kernel where it is used."`
}

type rawList struct {
	Name string `yaml:"name" jsonschema:"required" jsonschema_description:"Name in counters and refusals: a letter, then letters, digits, - and _; all of it small, 32 at most."`
	File string `yaml:"file" jsonschema:"required" jsonschema_description:"File with an address, a network or a range on each line; changes are taken over within five seconds. Relative to this file."`
	Mode string `yaml:"mode,omitempty" jsonschema:"enum=off,enum=shadow,enum=enforce" jsonschema_description:"shadow: report what would be refused; without it enforce."`
}

type rawAlerts struct {
	AtLeast string     `yaml:"at_least" jsonschema:"enum=info,enum=low,enum=medium,enum=high,enum=critical" jsonschema_description:"Incidents below are not told."`
	Webhook rawChannel `yaml:"webhook,omitempty" jsonschema_description:"A JSON POST for each incident."`
	Slack   rawChannel `yaml:"slack,omitempty" jsonschema_description:"A Slack incoming webhook."`
}

type rawChannel struct {
	URLFile string `yaml:"url_file,omitempty" jsonschema_description:"File that holds the URL, which is a secret."`
}

// rawRecords has a least of a day: a reference can be explained for that long
// (promise 1).
type rawRecords struct {
	DSNFile     string   `yaml:"dsn_file,omitempty" jsonschema_description:"File that holds user:password@tcp(host:3306)/database of MariaDB, MySQL or Aurora, which is a secret; without it the records lie in SQLite files in the state folder."`
	CAFile      string   `yaml:"ca_file,omitempty" jsonschema_description:"File (PEM) of the CA that signed the database's certificate; the connection is then encrypted and verified."`
	Pool        int      `yaml:"pool" jsonschema:"minimum=4,maximum=100" jsonschema_description:"Connections to the database at most."`
	Spool       size     `yaml:"spool" least:"1MiB" most:"16GiB" jsonschema_description:"Largest file in the state folder for what the records do not take at the moment."`
	Backups     string   `yaml:"backups,omitempty" jsonschema_description:"Folder in which backups may be written, besides the state folder and temporary ones: elsewhere a gateway that confines itself writes nothing. Relative to this file."`
	SecurityLog string   `yaml:"security_log,omitempty" jsonschema:"maxLength=4096" jsonschema_description:"File to which each failed proof and each refusal of a peer is written as a line, for fail2ban and the like; without it there is none. Relative to this file."`
	Events      duration `yaml:"events" least:"1d" most:"3650d" jsonschema_description:"Events of all kinds not named below."`
	Messages    duration `yaml:"messages" least:"1d" most:"3650d" jsonschema_description:"Messages; their bodies are never stored."`
	Connections duration `yaml:"connections" least:"1d" most:"3650d" jsonschema_description:"Connections."`
	Findings    duration `yaml:"findings" least:"1d" most:"3650d" jsonschema_description:"Findings and incidents."`
	Queries     duration `yaml:"queries" least:"1d" most:"3650d" jsonschema_description:"Database queries."`
}
