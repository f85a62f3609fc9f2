package config

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// validator looks at what the values mean, and together. It leaves out keys whose
// value is a reported mistake already.
type validator struct {
	*decoder
	raw *rawFile
}

var (
	serviceName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)
	className   = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)
	ruleID      = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}(/[a-z0-9][a-z0-9-]{0,63})+$`)
)

// wrongAt reports about a key, at its place or the nearest parent's that is written.
func (v *validator) wrongAt(key, hint, format string, args ...any) {
	for path := key; ; path = parent(path) {
		if v.failed[path] {
			return
		}
		if path == "" {
			break
		}
	}
	v.fail(v.near(key), key, hint, format, args...)
}

func (v *validator) near(key string) mark {
	for path := key; path != ""; path = parent(path) {
		if m, ok := v.set[path]; ok {
			return m
		}
	}
	return mark{}
}

// parent is the key that a key stands under, "" at the top.
func parent(key string) string { return key[:max(strings.LastIndexAny(key, ".["), 0)] }

func (v *validator) written(key string) bool {
	_, ok := v.set[key]
	return ok
}

func (v *validator) file() {
	f := v.raw
	if f.State == "" {
		v.wrongAt("state", "write a folder, for example /var/lib/haechi", "state is empty")
	}
	v.pair("console", f.Console.Cert, f.Console.Key)
	v.records(&f.Records)
	v.notEverybody("allow", f.Allow, "nothing would be guarded any more")
	v.notEverybody("trusted_proxies", f.TrustedProxies, "anybody could claim any address")
	v.notEverybody("site.networks", f.Site.Networks, "nothing would be outside")
	v.interfaces(f.Sensor.Interfaces)
	v.logs(f.Sensor.Logs)
	v.netflow("sensor.netflow", "10.0.0.5:2055", &f.Sensor.NetFlow)
	v.netflow("sensor.sflow", "10.0.0.5:6343", &f.Sensor.SFlow)
	if len(f.Services) == 0 {
		v.wrongAt("services", "name at least one below services:, or begin with what haechi init writes", "no service is guarded")
	}
	for _, name := range slices.Sorted(maps.Keys(f.Services)) {
		s := f.Services[name]
		v.service(name, &s)
	}
	v.listening()
	v.oneDatabase()
	for _, id := range slices.Sorted(maps.Keys(f.Rules)) {
		if !ruleID.MatchString(id) {
			v.wrongAt(join("rules", id), "ids look like device/unusual-hour; haechi rules lists them", "%s is no rule id", quoted(id))
		}
	}
	v.decide(&f.Decide)
	v.attack(&f.Attack)
	v.shield(&f.Shield)
}

// records refuses the CA of a database where none is named.
func (v *validator) records(r *rawRecords) {
	if r.DSNFile == "" && r.CAFile != "" {
		v.wrongAt("records.ca_file", "add dsn_file: with the file of the data source name", "records.ca_file is for a database, and records has no dsn_file")
	}
	if strings.HasSuffix(r.SecurityLog, "/") {
		v.wrongAt("records.security_log", "name a file, for example /var/log/haechi/security.log", "records.security_log is a folder")
	}
}

// pair wants both or neither of a certificate and its key.
func (v *validator) pair(key, cert, priv string) {
	switch {
	case cert != "" && priv == "":
		v.wrongAt(key+".cert", "add key: with the file of the certificate's key", "%s.cert needs %s.key beside it", key, key)
	case cert == "" && priv != "":
		v.wrongAt(key+".key", "add cert: with the certificate's file", "%s.key needs %s.cert beside it", key, key)
	}
}

func (v *validator) notEverybody(key string, list []network, why string) {
	for i, n := range list {
		if text, _ := n.MarshalText(); strings.HasSuffix(string(text), "/0") {
			v.wrongAt(index(key, i), "name the networks that are meant", "%s stands for everybody: %s", text, why)
		}
	}
}

// listening finds listeners that cannot stand beside each other, over services,
// console and metrics.
func (v *validator) listening() {
	places := []place{{key: "console.listen", addr: v.raw.Console.Listen}, {key: "metrics.listen", addr: v.raw.Metrics.Listen}}
	for _, name := range slices.Sorted(maps.Keys(v.raw.Services)) {
		for i, l := range v.raw.Services[name].Listen {
			places = append(places, place{key: index("services."+name+".listen", i), addr: l, service: name})
		}
		for i, l := range v.raw.Services[name].Redirect {
			places = append(places, place{key: index("services."+name+".redirect", i), addr: l, service: name, redirect: true})
		}
	}
	for i, p := range places {
		for _, q := range places[:i] {
			if p.addr == "" || q.addr == "" || !p.addr.conflicts(q.addr) {
				continue
			}
			if why, hint := v.mayShare(p, q); why != "" {
				v.wrongAt(p.key, hint, "%s", why)
				break
			}
		}
	}
}

// decide wants the ladder's scores to rise.
func (v *validator) decide(d *rawDecide) {
	last, lastKey := 0.0, ""
	for _, step := range []struct {
		key   string
		score float64
	}{
		{"watch_at", d.WatchAt}, {"throttle_at", d.ThrottleAt}, {"challenge_at", d.ChallengeAt},
		{"deny_at", d.DenyAt}, {"drop_at", d.DropAt},
	} {
		if step.score == 0 {
			continue
		}
		if step.score <= last {
			v.wrongAt("decide."+step.key, fmt.Sprintf("write more than %v, or 0 to leave the step out", last),
				"decide.%s must be above decide.%s", step.key, lastKey)
		}
		last, lastKey = step.score, step.key
	}
	if action(d.OnHigh) > action(d.OnCritical) {
		v.wrongAt("decide.on_high", "", "decide.on_high is stronger than decide.on_critical")
	}
	if d.Base > d.Max {
		v.wrongAt("decide.base", "", "decide.base is longer than decide.max")
	}
}

// interfaces checks names as Linux does, and that none is read twice.
func (v *validator) interfaces(names []string) {
	if len(names) > maxInterfaces {
		v.wrongAt("sensor.interfaces", "name those where traffic enters", "%d interfaces are more than %d", len(names), maxInterfaces)
	}
	for i, name := range names {
		key := fmt.Sprintf("sensor.interfaces[%d]", i)
		switch {
		case name == "" || len(name) > 15 || strings.ContainsAny(name, "/: \t\r\n") || name == "." || name == "..":
			v.wrongAt(key, "ip link lists them, for example eth0", "%q is no network interface", name)
		case slices.Contains(names[:i], name):
			v.wrongAt(key, "name it once", "%s stands here twice", name)
		}
	}
}

const maxInterfaces = 16

// netflow wants who is heard beside where: anybody could make up flows otherwise.
func (v *validator) netflow(key, example string, n *rawNetFlow) {
	switch {
	case n.Listen != "" && len(n.Exporters) == 0:
		v.wrongAt(key+".listen", "add exporters: with the routers' addresses", "%s names no router that is heard", key)
	case n.Listen == "" && len(n.Exporters) > 0:
		v.wrongAt(key+".exporters", "add listen: with the UDP address that they send to, for example "+example, "%s does not say where routers are heard", key)
	}
	v.notEverybody(key+".exporters", n.Exporters, "anybody could make up flows")
}

// logs checks that each path can be followed, and is named once.
func (v *validator) logs(logs []rawLog) {
	for i, l := range logs {
		key := fmt.Sprintf("sensor.logs[%d]", i)
		_, bad := filepath.Match(l.Path, "")
		switch {
		case l.Path == "":
			v.wrongAt(key, "add path: with the file, for example /var/log/auth.log", "%s names no file", key)
		case !filepath.IsAbs(l.Path) || filepath.Clean(l.Path) != l.Path:
			v.wrongAt(key+".path", "write the whole path, for example /var/log/auth.log", "%s is no whole path", quoted(l.Path))
		case bad != nil:
			v.wrongAt(key+".path", "a pattern is like /var/log/nginx/*.log; a backslash takes * ? [ and \\ as they are", "%s is no pattern", quoted(l.Path))
		case slices.ContainsFunc(logs[:i], func(o rawLog) bool { return o.Path == l.Path }):
			v.wrongAt(key+".path", "name it once", "%s stands here twice", quoted(l.Path))
		}
	}
}
