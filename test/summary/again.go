package main

import (
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
)

// maxAgain is how many tests may be asked a second time: more of them failing is no
// accident of a busy machine.
const maxAgain = 3

// unforgiven is what no second run excuses: it was seen, whether or not it comes again.
var unforgiven = regexp.MustCompile(`(?i)data race|panic:|fatal error:|found unexpected goroutines|test timed out`) // read only

// suspect is a test that failed, with all its parts.
type suspect struct {
	key
	failed     int // itself and its parts
	unforgiven bool
}

// top is the test that a part belongs to.
func top(k key) key {
	name, _, _ := strings.Cut(k.test, "/")
	return key{k.pkg, name}
}

// suspect takes down that a test or a part of one failed.
func (t *tally) suspect(k key, text string) {
	k = top(k)
	i := slices.IndexFunc(t.suspects, func(s suspect) bool { return s.key == k })
	if i < 0 {
		i = len(t.suspects)
		t.suspects = append(t.suspects, suspect{key: k})
	}
	t.suspects[i].failed++
	t.suspects[i].unforgiven = t.suspects[i].unforgiven || unforgiven.MatchString(text)
}

// again asks the few that failed a second time, each alone, by this command line of go
// test. One that passes then counts as passed and is named, for it wants mending: the tests
// start servers, tools and networks of namespaces, and share two processors with all others.
func (t *tally) again(command []string) {
	if len(command) == 0 || len(t.suspects) == 0 || len(t.suspects) > maxAgain || t.broken {
		return
	}
	for _, s := range t.suspects {
		if s.unforgiven {
			return
		}
	}
	for _, s := range t.suspects {
		args := append(slices.Clone(command[1:]), "-run", "^"+s.test+"$", s.pkg)
		out, err := exec.Command(command[0], args...).CombinedOutput()
		if err != nil {
			fmt.Fprintf(t.out, "FAILED again %s %s: %v\n%s", s.pkg, s.test, err, out)
			continue
		}
		t.failed -= s.failed
		t.passed += s.failed
		t.once = append(t.once, s.pkg+" "+s.test)
	}
}
