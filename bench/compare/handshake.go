package main

import (
	"context"
	"fmt"
	"time"
)

// handshakes measures what a TLS 1.3 handshake costs, full and resumed.
func (s *stage) handshakes(ctx context.Context, rep *page) error {
	return s.withWeb(ctx, func(all []*webPeer) error {
		full, err := s.webRounds(ctx, all, "full handshakes", s.hands())
		if err != nil {
			return err
		}
		resumed, err := s.webRounds(ctx, all, "resumed handshakes", s.hands("-resume"))
		if err != nil {
			return err
		}
		var gate []*webPeer
		for _, p := range all {
			if p.name == "haechi" {
				gate = append(gate, p)
			}
		}
		hybrid, err := s.webRounds(ctx, gate, "hybrid handshakes", s.hands("-hybrid"))
		if err != nil {
			return err
		}
		tellHands(rep, full, resumed, hybrid["haechi"])
		return nil
	})
}

func tellHands(rep *page, full, resumed map[string]sample, hybrid sample) {
	const with = "haechi, X25519MLKEM768"
	full[with] = hybrid
	rep.compare("TLS 1.3 handshakes, full", "handshakes/s of this load", append(webNames(), with), full)
	rep.compare("TLS 1.3 handshakes, resumed", "handshakes/s of this load", webNames(), resumed)
	rep.line("\n| server | full handshakes/s of a whole processor | resumed |\n|---|---:|---:|")
	whole := func(s sample) float64 { return float64(time.Second) / float64(s.cpu) }
	for _, name := range webNames() {
		rep.line("| %s | %.0f | %.0f |", name, whole(full[name]), whole(resumed[name]))
	}
	rep.line("| %s | %.0f | |", with, whole(hybrid))
	rep.line("\nECDSA P-256 and X25519, also with a resumed session, whose ticket (one a connection) is the one of the connection before;\n"+
		"the hybrid exchange is one that the others, as Debian has them, do not know. Each handshake has a TCP\n"+
		"connection of its own, which is in its time, and counts once the server's ticket has come; %d are under way at once. A client's\n"+
		"half costs about as much as a server's, so the load may set the pace: the CPU time for each is the measure, and the third table is\n"+
		"its reciprocal.", shakers)
	rep.gate("full handshakes for the processor time of one of nginx", float64(full["nginx"].cpu)/float64(full["haechi"].cpu), atLeast, 1.05)
}

// hands is a load of handshakes. Its operations are no requests and in no log.
func (s *stage) hands(flags ...string) func(*webPeer, time.Duration) load {
	return func(p *webPeer, length time.Duration) load {
		return func(ctx context.Context) (int, time.Duration, error) {
			var got carried
			err := s.helper(ctx, &got, append([]string{"hands", "-to", p.tls, "-for", length.String()}, flags...)...)
			if err == nil {
				err = p.proc.alive()
			}
			if err != nil {
				return 0, 0, fmt.Errorf("%s: %w", p.name, err)
			}
			return got.Ops, time.Duration(got.Seconds * float64(time.Second)), nil
		}
	}
}
