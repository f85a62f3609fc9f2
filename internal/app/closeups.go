package app

import (
	"haechi"
	"haechi/internal/config"
	"haechi/internal/sensor"
	"haechi/internal/sensor/capture"
	"haechi/internal/sensor/closeup"
	"haechi/internal/sensor/decode"
)

// newCloseups returns nil where no packets are read, or none are to be kept.
func newCloseups(cfg *config.Config) *closeup.Keeper {
	if len(cfg.Sensor.Interfaces) == 0 || cfg.Sensor.Closeups == 0 {
		return nil
	}
	return closeup.New(closeup.Config{Hosts: cfg.Sensor.Closeups, V6Bits: cfg.Client.IPv6Prefix})
}

// closely watches whom a grave incident is about, while it goes on.
func (e *estate) closely(in *haechi.Incident) {
	if e.closeups != nil && in.Severity >= haechi.High && in.End.IsZero() {
		e.closeups.Watch(in, e.now())
	}
}

// lens shows the keeper of close-ups the packets of the wire. It reads their addresses
// once more, and only while somebody is watched.
type lens struct {
	keeper   *closeup.Keeper
	decoders map[uint32]*decode.Decoder
	packet   sensor.Packet
}

func (l *lens) frame(f *capture.Frame) {
	if !l.keeper.Watching(f.Time) {
		return
	}
	d := l.decoders[f.Link]
	if d == nil {
		if !decode.Supports(f.Link) {
			return
		}
		d = decode.New(f.Link)
		l.decoders[f.Link] = d
	}
	if d.Frame(f.Bytes, &l.packet) == decode.Decoded {
		l.keeper.Packet(f.Time, f.Link, f.Wire, f.Bytes, l.packet.Source(), l.packet.Target())
	}
}
