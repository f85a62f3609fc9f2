package sieve

import (
	"fmt"
	"strconv"
	"strings"
)

// settings are the directives that say how a request is read.
type settings struct {
	access       bool // request bodies are read
	detects      bool // the engine evaluates rules, with or without refusing
	stops        bool // the engine refuses at the first rule that says so
	arguments    int  // parameters at most, of the query and of the body
	body         int  // bytes at most
	depth        int  // nesting of JSON at most
	blockRefuses bool
}

func defaultSettings() settings {
	return settings{arguments: 1000, body: 134217728, depth: 1024}
}

// directive takes a setting in, or passes over what has no part in judging a request.
func (s *settings) directive(d directive) (err error) {
	switch d.name {
	case "secruleengine":
		s.detects, s.stops = !strings.EqualFold(d.args, "off"), strings.EqualFold(d.args, "on")
	case "secrequestbodyaccess":
		s.access = strings.EqualFold(d.args, "on")
	case "secargumentslimit":
		s.arguments, err = strconv.Atoi(d.args)
	case "secrequestbodylimit":
		s.body, err = strconv.Atoi(d.args)
	case "secrequestbodyjsondepthlimit":
		s.depth, err = strconv.Atoi(d.args)
	case "secdefaultaction":
		for _, a := range parseActions(strings.Trim(d.args, `"`)) {
			s.blockRefuses = s.blockRefuses || a.key == "deny" || a.key == "drop" || a.key == "redirect"
		}
	case "secrxprefilter", "secresponsebodyaccess", "secrequestbodylimitaction", "secrequestbodyinmemorylimit",
		"secresponsebodymimetype", "secresponsebodylimit", "secresponsebodylimitaction", "secuploadkeepfiles", "secuploaddir",
		"secauditengine", "secauditlog", "secauditlogparts", "secauditlogtype", "secauditlogformat", "secauditlogrelevantstatus",
		"sectmpdir", "secdatadir", "seccomponentsignature", "seccollectiontimeout", "secdebuglog", "secdebugloglevel", "secwebappid":
	default:
		return fmt.Errorf("the directive %s %s is not known here", d.name, d.args)
	}
	return err
}
