package banlist

import (
	"fmt"
	"strings"
)

// banned reads the answer of `fail2ban-client banned`, a list of Python's: a dictionary for
// each jail, of its name and a list of what it bans.
//
//	[{'sshd': ['192.0.2.1', '2001:db8::1']}, {'haechi': []}]
func (r *reader) banned(text []byte) error {
	p := python{text: string(text)}
	p.want("[")
	for !p.next("]") {
		p.want("{")
		for !p.next("}") {
			jail := p.quoted()
			p.want(":")
			p.want("[")
			for !p.next("]") {
				value := p.quoted()
				if p.err != nil {
					return p.err
				}
				if err := r.add(p.place(), value, 0, jail); err != nil {
					return err
				}
				p.next(",")
			}
			p.next(",")
		}
		p.next(",")
	}
	if p.skip(); p.err == nil && p.at < len(p.text) {
		p.fail("something follows the list")
	}
	return p.err
}

// python reads a little of Python's literals. After a mistake it reads nothing more, and
// next says yes, so that every loop ends.
type python struct {
	text string
	at   int
	err  error
}

func (p *python) place() string { return fmt.Sprintf("byte %d", p.at+1) }

func (p *python) fail(msg string) {
	if p.err == nil {
		p.err = wrong(p.place(), msg)
	}
}

func (p *python) skip() {
	for p.at < len(p.text) && strings.IndexByte(" \t\r\n", p.text[p.at]) >= 0 {
		p.at++
	}
}

// next passes over the token if it is there.
func (p *python) next(token string) bool {
	if p.err != nil {
		return true
	}
	p.skip()
	if !strings.HasPrefix(p.text[p.at:], token) {
		return false
	}
	p.at += len(token)
	return true
}

func (p *python) want(token string) {
	if !p.next(token) {
		p.fail(fmt.Sprintf("%s is missing", token))
	}
}

// quoted reads a text in single or double quotes; neither a jail nor an address needs an
// escape.
func (p *python) quoted() string {
	p.skip()
	if p.err != nil || p.at >= len(p.text) || p.text[p.at] != '\'' && p.text[p.at] != '"' {
		p.fail("a text in quotes is missing")
		return ""
	}
	quote := p.text[p.at]
	end := strings.IndexByte(p.text[p.at+1:], quote)
	if end < 0 || strings.ContainsAny(p.text[p.at+1:p.at+1+end], "\\\n") {
		p.fail("a text does not end, or has escapes")
		return ""
	}
	out := p.text[p.at+1 : p.at+1+end]
	p.at += end + 2
	return out
}
