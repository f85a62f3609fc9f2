package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
)

// clearing is how many requests the gateway cleared without Coraza, and how many it did
// not, for which rule.
type clearing struct {
	cleared, escalated float64
	rules              map[string]float64
}

// clearing asks the gateway's metrics. Only the ten rules that asked most are there.
func (s *stage) clearing(ctx context.Context, name string) (c clearing, err error) {
	if name != wafHaechi {
		return c, nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.Metrics+"/metrics", nil)
	if err != nil {
		return c, err
	}
	req.Close = true
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return c, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return c, err
	}
	return readClearing(string(text))
}

// readClearing takes the WAF's counters out of a page of metrics.
func readClearing(text string) (c clearing, err error) {
	c.rules = map[string]float64{}
	for line := range strings.Lines(text) {
		_, rest, ok := strings.Cut(line, `haechi_bounds{bound="waf_`)
		name, rest, closed := strings.Cut(rest, `",part="limits"} `)
		if !ok || !closed {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
		if err != nil {
			return c, fmt.Errorf("the gateway's metric %s: %w", name, err)
		}
		switch rule, of := strings.CutPrefix(name, "escalated/"); {
		case of:
			c.rules[rule] = n
		case name == "cleared":
			c.cleared = n
		case name == "escalated":
			c.escalated = n
		}
	}
	return c, nil
}

// since is what was added.
func (c clearing) since(before clearing) clearing {
	out := clearing{cleared: c.cleared - before.cleared, escalated: c.escalated - before.escalated, rules: map[string]float64{}}
	for rule, n := range c.rules {
		if n -= before.rules[rule]; n > 0 {
			out.rules[rule] = n
		}
	}
	return out
}

// tellClearing says what share of a load the gateway cleared, and what asked Coraza.
func tellClearing(rep *page, all []wafSample) {
	sum := clearing{rules: map[string]float64{}}
	for _, o := range all {
		sum.cleared, sum.escalated = sum.cleared+o.cleared, sum.escalated+o.escalated
		for rule, n := range o.rules {
			sum.rules[rule] += n
		}
	}
	if sum.cleared+sum.escalated == 0 {
		return
	}
	var why []string
	for rule, n := range sum.rules {
		why = append(why, fmt.Sprintf("%s %.0f times", strings.ReplaceAll(rule, "_", " "), n))
	}
	slices.Sort(why)
	rep.line("\nhaechi cleared %.2f %% of %.0f without Coraza%s.", 100*sum.cleared/(sum.cleared+sum.escalated), sum.cleared+sum.escalated,
		strings.Join(append([]string{""}, why...), "; asked for "))
}

// wafVersions says what was compared.
func wafVersions(ctx context.Context) string {
	mod := "ModSecurity of an unknown version"
	if out, err := exec.CommandContext(ctx, "dpkg-query", "-W", "-f", "ModSecurity ${Version}", "libmodsecurity3").Output(); err == nil {
		mod = string(out)
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			if strings.HasPrefix(d.Path, "github.com/corazawaf/coraza") {
				mod += ", " + d.Path[strings.Index(d.Path, "coraza"):] + " " + d.Version
			}
		}
	}
	return mod
}
