package applications

import (
	"slices"
	"strings"
	"time"

	"haechi"
)

// exclusion takes classes of rules out of the score of parameters at paths.
type exclusion struct {
	classes []int    // 941 is 941000 to 941999; a whole rule id is that rule
	paths   []string // below the application's own; with a slash at its end all below
	where   []string // variables
	why     string
}

// Classes of rules that free text meets.
const (
	files     = 930 // paths of files
	commands  = 932
	php       = 933
	generic   = 934 // templates, Node.js, requests to other servers
	scripts   = 941 // HTML and JavaScript
	databases = 942
	own       = 7700 // the rules of Haechi's own
)

// application is one with what its forms hold.
type application struct {
	name string
	all  []exclusion
}

// known are the applications, by name.
func known() []application {
	return []application{{"gnuboard5", gnuboard5()}, {"nextcloud", nextcloud()}, {"phpmyadmin", phpMyAdmin()}, {"rhymix", rhymix()}, {"wordpress", wordPress()}}
}

// Names lists the applications that are known.
func Names() (out []string) {
	for _, a := range known() {
		out = append(out, a.name)
	}
	return out
}

// Exceptions are those of an application that a service serves at a path, "/" or one
// without a slash at its end; none for a name that is not known.
func Exceptions(service, name, at string) (out []haechi.Exception) {
	i := slices.IndexFunc(known(), func(a application) bool { return a.name == name })
	if i < 0 {
		return nil
	}
	at = strings.TrimSuffix(at, "/")
	for _, e := range known()[i].all {
		for _, class := range e.classes {
			for _, path := range e.paths {
				for _, where := range e.where {
					x := haechi.Exception{Service: service, Rule: class, Path: at + path, Where: where, Owner: name, Reason: e.why, Expires: never()}
					if class < 10_000 {
						x.Rule, x.Through = class*1000, class*1000+999
					}
					out = append(out, x)
				}
			}
		}
	}
	return out
}

// never is a day on which nobody will look.
func never() time.Time { return time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC) }
