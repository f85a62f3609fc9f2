package hostflood

import "time"

// quiet is the silence that ends a flood, as shipped.
const quiet = time.Minute

// SYNConfig are the parameters of host_syn.
type SYNConfig struct {
	Syns   int           `least:"10" most:"100000000"` // more in the window, not completed (B39: 500 a minute)
	Share  float64       `unit:"share"`                // of all handshakes
	Window time.Duration `least:"10s" most:"1m"`
	Quiet  time.Duration `least:"5s" most:"1h"` // so long under half of it ends it
}

// SYNDefaults are the parameters as shipped.
func SYNDefaults() SYNConfig {
	return SYNConfig{Syns: 500, Share: 0.5, Window: time.Minute, Quiet: quiet}
}

// UDPConfig are the parameters of host_udp.
type UDPConfig struct {
	Packets int           `least:"1" most:"100000000"` // a second
	Window  time.Duration `least:"2s" most:"1m"`
	Quiet   time.Duration `least:"5s" most:"1h"` // so long under half of it ends it
}

// UDPDefaults are those of udp_flood.
func UDPDefaults() UDPConfig { return UDPConfig{Packets: 5000, Window: 10 * time.Second, Quiet: quiet} }

// ICMPConfig are the parameters of host_icmp.
type ICMPConfig struct {
	Packets int           `least:"1" most:"100000000"` // pings a second
	Replies int           `least:"1" most:"100000000"` // answers a second that nobody asked for
	Window  time.Duration `least:"2s" most:"1m"`
	Quiet   time.Duration `least:"5s" most:"1h"` // so long under half of it ends it
}

// ICMPDefaults: pings as in icmp_flood, and a hundredth of the sources of a Smurf attack
// that answer ten times a second.
func ICMPDefaults() ICMPConfig {
	return ICMPConfig{Packets: 250, Replies: 100, Window: 10 * time.Second, Quiet: quiet}
}

// FragmentConfig are the parameters of host_fragments.
type FragmentConfig struct {
	Packets   int           `least:"1" most:"100000000"` // fragments a second that make no packet
	Malformed int           `least:"1" most:"100000000"` // in the window
	Window    time.Duration `least:"2s" most:"1m"`
	Quiet     time.Duration `least:"5s" most:"1h"` // so long under half of it ends it
}

// FragmentDefaults: as in fragment_flood; ten impossible packets are no accident.
func FragmentDefaults() FragmentConfig {
	return FragmentConfig{Packets: 500, Malformed: 10, Window: 10 * time.Second, Quiet: quiet}
}

// BandwidthConfig are the parameters of bandwidth.
type BandwidthConfig struct {
	Bytes      int64         `unit:"bytes" least:"1KiB"`   // a second, the ceiling (B40)
	Packets    int           `least:"1" most:"1000000000"` // a second, the ceiling
	Deviations float64       `least:"2" most:"100"`        // above what was usual
	From       int64         `unit:"bytes" least:"1KiB"`   // a second: less is never unusual
	Warm       time.Duration `least:"24h" most:"30d"`      // so long an interface has to be known
	Window     time.Duration `least:"2s" most:"1m"`
	Quiet      time.Duration `least:"5s" most:"1h"` // so long under half of it ends it
}

// BandwidthDefaults: 100 Mbit/s in the mean of ten seconds (B40, B47), and the 148,810
// smallest frames that such a link carries (IEEE 802.3: 84 bytes each on the wire). A
// tenth of it is where more than usual begins to matter.
func BandwidthDefaults() BandwidthConfig {
	return BandwidthConfig{Bytes: 12_500_000, Packets: 148_810, Deviations: 5, From: 1_250_000, Warm: 7 * 24 * time.Hour, Window: 10 * time.Second, Quiet: quiet}
}
