package main

import (
	"context"
	"crypto/tls"
	"net/netip"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"haechi"
	"haechi/internal/operate/simulate"
)

// liveScenario is the one that is played against a gateway that runs, and liveRule what it
// must find.
const (
	liveScenario = "document-flood"
	liveRule     = "service/request-rate"
)

// visitFlags say where the documents' flood is played.
type visitFlags struct {
	url, host, ca string
	proxy         bool
}

func (f *visitFlags) add(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&f.url, "live", "", "play "+liveScenario+" against this URL of a service on loopback instead of writing it")
	fl.StringVar(&f.host, "host", "", "with --live: the name in the requests instead of the URL's address")
	fl.StringVar(&f.ca, "ca", "", "with --live: trust the CA in this PEM file instead of this machine's")
	fl.BoolVar(&f.proxy, "proxy", false, "with --live: send a PROXY header with the documents' addresses, for a service with proxy_protocol")
}

// visit reads the flags.
func (f *visitFlags) visit(p *printer, command string, seed uint64) (*simulate.Visit, error) {
	u, err := url.Parse(f.url)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
		e := p.misuse("usage.value", command, quoted(f.url), "--live")
		e.hint = command + " " + liveScenario + " --live http://127.0.0.1:8080/"
		return nil, e
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	target, err := netip.ParseAddrPort(u.Hostname() + ":" + port)
	if err != nil { // a name: what it means is decided elsewhere
		return nil, &haechi.Error{Kind: haechi.Denied, Op: "simulate against " + u.Host, Msg: "a simulation talks to literal addresses in 127.0.0.0/8 only",
			Hint: "write http://127.0.0.1:PORT/, and the service's name with --host"}
	}
	v := &simulate.Visit{Target: target, Host: f.host, Path: u.RequestURI(), Proxy: f.proxy, Seed: seed}
	if u.Scheme == "https" {
		v.TLS = &tls.Config{ServerName: u.Hostname()}
		if f.host != "" {
			v.TLS.ServerName = f.host
		}
		if f.ca != "" {
			if v.TLS.RootCAs, err = caPool(f.ca); err != nil {
				return nil, err
			}
		}
	}
	return v, nil
}

// answersLine is what became of the requests of one kind.
type answersLine struct {
	Sent     int     `json:"sent"`
	Answered int     `json:"answered"` // 2xx and 3xx
	Refused  int     `json:"refused"`  // 4xx and 5xx
	Failed   int     `json:"failed"`
	Seconds  float64 `json:"seconds"`
}

func lineOfAnswers(a simulate.Answers) answersLine {
	return answersLine{a.Sent, a.Status[2] + a.Status[3], a.Status[4] + a.Status[5], a.Failed + a.Status[0] + a.Status[1], a.Took.Round(time.Millisecond).Seconds()}
}

// visited is what `haechi simulate --live --json` says.
type visited struct {
	Name      string      `json:"name"`
	Rule      string      `json:"rule"`
	Visitors  answersLine `json:"visitors"`
	Attackers answersLine `json:"attackers"`
}

// live plays the flood and says what became of it.
func (o *options) live(ctx context.Context, command, name string, f *simulateFlags) error {
	if name != liveScenario {
		e := o.print.misuse("usage.live", command, quoted(name))
		e.hint = command + " " + liveScenario + " --live " + f.visit.url
		return e
	}
	v, err := f.visit.visit(o.print, command, f.seed)
	if err != nil {
		return err
	}
	visitors, attackers, err := v.Flood(ctx)
	if err != nil {
		return err
	}
	out := visited{name, liveRule, lineOfAnswers(visitors), lineOfAnswers(attackers)}
	return o.print.show(out, func() {
		for _, a := range []struct {
			key string
			of  answersLine
		}{{"simulate.visitors", out.Visitors}, {"simulate.attackers", out.Attackers}} {
			o.print.say(a.key, a.of.Sent, number(a.of.Seconds), a.of.Answered, a.of.Refused, a.of.Failed)
		}
		o.print.say("simulate.live_gives", liveRule)
		o.print.say("simulate.try", selfName()+" rules")
	})
}
