package main

import (
	"os"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"

	"haechi/internal/app"
)

// attacker is the address of the first one of the play, which a rule soon denies.
const attacker = "127.66.0.1"

// welcome tells a newcomer what is there and what to try.
func (st *stage) welcome(s *app.Started) {
	p := st.print
	if p.json {
		_ = p.encode(startedJSON{s.Services, s.Console, s.LoginLink, s.CAFile, s.Socket, st.config, "https://" + st.shop}, "  ")
		return
	}
	p.head(p.t("demo.title"))
	if st.flags.noTraffic {
		p.say("demo.no_cast")
	} else {
		p.say("demo.cast")
	}
	p.line("")
	printStarted(p, s)
	p.say("demo.shop", "https://"+st.shop)
	p.line("")
	p.head(p.t("demo.try"))
	p.line("  export HAECHI_CONFIG=" + shell(st.config))
	st.tries()
	p.line("")
	if !st.flags.noTraffic {
		p.say("demo.soon")
	}
	st.farewell()
}

// tries are the five commands to try, with what each shows.
func (st *stage) tries() {
	p, self := st.print, shell(selfName())
	all := [][2]string{
		{"events --follow", "demo.try_events"},
		{"devices --status pending", "demo.try_devices"},
		{"devices approve " + shell(st.friends[3].Key()), "demo.try_approve"},
		{"decisions", "demo.try_decisions"},
		{"why " + attacker, "demo.try_why"},
	}
	width := 0
	for _, c := range all {
		width = max(width, text.StringWidth(c[0]))
	}
	for _, c := range all {
		p.line("  " + self + " " + text.Pad(c[0], width, ' ') + "  # " + p.t(c[1]))
	}
}

func (st *stage) farewell() {
	if st.flags.length > 0 {
		st.print.say("demo.ends", st.print.length(time.Duration(st.flags.length)))
	} else {
		st.print.say("demo.end")
	}
	if st.flags.state != "" {
		st.print.say("demo.kept", st.dir)
	}
}

// selfName is the program as the operator called it.
func selfName() string {
	if strings.ContainsRune(os.Args[0], '/') {
		return os.Args[0]
	}
	return "haechi"
}
