package flood

import "time"

// The silence that ends a flood, and how many hosts or networks are held at once.
const (
	quiet   = time.Minute
	victims = 4096
	flows   = 65_536
)

// SYNConfig are the parameters of syn_flood.
type SYNConfig struct {
	Syns   int           `least:"10" most:"100000000"` // more in the window, not completed (B39: 500 a minute)
	Share  float64       `unit:"share"`                // of all connections begun
	Window time.Duration `least:"10s" most:"10m"`
	Answer time.Duration `least:"500ms" most:"30s"` // so long a connection may take to complete
}

// SYNDefaults are the parameters as shipped.
func SYNDefaults() SYNConfig {
	return SYNConfig{Syns: 500, Share: 0.5, Window: time.Minute, Answer: 3 * time.Second}
}

// RateConfig are the parameters of udp_flood, icmp_flood and fragment_flood: means over
// the window.
type RateConfig struct {
	Packets int           `least:"1" most:"100000000"` // a second
	Bytes   int64         `unit:"bytes" least:"1KiB"`  // a second
	Window  time.Duration `least:"2s" most:"10m"`
}

// UDPDefaults are 100 Mbit/s (B40) and as many datagrams as fill a tenth of it with the
// smallest ones: what is not answered at such a rate serves nobody.
func UDPDefaults() RateConfig {
	return RateConfig{Packets: 5000, Bytes: 12_500_000, Window: 10 * time.Second}
}

// ICMPDefaults are a hundred hosts that ping ten times a second each: far above what
// monitoring sends to one host.
func ICMPDefaults() RateConfig {
	return RateConfig{Packets: 250, Bytes: 1_250_000, Window: 10 * time.Second}
}

// FragmentDefaults are a tenth of a flood of datagrams: fragments cost more.
func FragmentDefaults() RateConfig {
	return RateConfig{Packets: 500, Bytes: 12_500_000, Window: 10 * time.Second}
}

// AmplificationConfig are the parameters of amplification.
type AmplificationConfig struct {
	Sources int           `least:"10" most:"1000000"`   // so many hosts answer one that did not ask
	Answers int           `least:"10" most:"100000000"` // and so often, in the window
	Factor  float64       `least:"2" most:"100000"`     // a server of ours gives so much more than it gets
	Bytes   int64         `unit:"bytes" least:"1KiB"`   // a second, of a server of ours
	Window  time.Duration `least:"2s" most:"10m"`
}

// AmplificationDefaults: nobody asks a hundred hosts and forgets it. Ten times is less
// than every service in use for this gives (US-CERT TA14-017A).
func AmplificationDefaults() AmplificationConfig {
	return AmplificationConfig{Sources: 100, Answers: 200, Factor: 10, Bytes: 1_250_000, Window: 10 * time.Second}
}

// HTTPConfig are the parameters of http_flood.
type HTTPConfig struct {
	Client  int           `least:"10" most:"1000000"`   // requests of one client in the window (B58: 100 a second)
	Missing int           `least:"10" most:"1000000"`   // its requests for paths that do not exist, nearly all of them
	Total   int           `least:"10" most:"100000000"` // requests of many clients in a minute (B37)
	Clients int           `least:"10" most:"1000000"`   // so many are many (B38)
	Mean    int           `least:"1" most:"1000000"`    // requests of each at most, in the mean (B46)
	Grown   float64       `least:"1.5" most:"1000"`     // times what the service had before
	Window  time.Duration `least:"2s" most:"1m"`
}

// HTTPDefaults are the documents' numbers, and five times the requests of before.
func HTTPDefaults() HTTPConfig {
	return HTTPConfig{Client: 1000, Missing: 50, Total: 1000, Clients: 100, Mean: 50, Grown: 5, Window: 10 * time.Second}
}

// SlowConfig are the parameters of slow_http.
type SlowConfig struct {
	Connections int           `least:"5" most:"1000000"` // slow ones of one service at once
	PerClient   int           `least:"1" most:"100000"`  // of each client, in the mean
	Age         time.Duration `least:"5s" most:"10m"`    // slow for so long
	Rate        int64         `unit:"bytes" least:"1B"`  // a second, of both sides together, without headers
}

// SlowDefaults: browsers open six connections to a host, so that four times as many of
// one client are no browser; 50 bytes a second is a hundredth of the slowest modem.
func SlowDefaults() SlowConfig {
	return SlowConfig{Connections: 25, PerClient: 5, Age: 15 * time.Second, Rate: 50}
}
