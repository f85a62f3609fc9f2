package config

import (
	"maps"
	"slices"
	"time"
)

// DeviceDatabase is an existing database that governs a service's devices. An empty
// DSNFile switches it off.
type DeviceDatabase struct {
	DSNFile   string
	Every     time.Duration // 3 s
	Register  bool
	Upstreams string // live, test or all; empty: the service's upstream
	Host      string
}

const defaultDatabaseEvery = 3 * time.Second

func compileDatabase(d *rawDatabase) DeviceDatabase {
	if d.DSNFile == "" {
		return DeviceDatabase{}
	}
	out := DeviceDatabase{DSNFile: d.DSNFile, Every: time.Duration(d.Every), Register: d.Register, Host: d.Host}
	if out.Every == 0 {
		out.Every = defaultDatabaseEvery
	}
	if d.finds() {
		out.Upstreams = d.Upstreams
	}
	return out
}

// finds reports whether the servers behind are looked up.
func (d *rawDatabase) finds() bool { return d.Upstreams != "" && d.Upstreams != "off" }

// served wants an upstream, or the database to look it up in.
func (v *validator) served(key string, s *rawService) {
	d, at := &s.Device.Database, key+".device.database"
	if !d.finds() {
		v.hostPort(key+".upstream", s.Upstream)
	} else if s.Upstream != "" {
		v.wrongAt(key+".upstream", "leave it out, or upstreams", "%s.upstream is not used: the database says where the servers are", key)
	}
	if d.DSNFile == "" && v.written(at) {
		v.wrongAt(at, "add dsn_file: with the file of the data source name", "%s has no dsn_file", at)
	}
	switch {
	case d.Host != "" && !d.finds():
		v.wrongAt(at+".host", "add upstreams: live, or leave host out", "%s.host is of no use without upstreams", at)
	case d.Host != "" && !isHost(d.Host):
		v.wrongAt(at+".host", "write a name or an address without a port, for example 10.0.0.5", "%s is no host", quoted(d.Host))
	}
}

// oneDatabase wants all services to name the same one: there is one device registry.
func (v *validator) oneDatabase() {
	first, firstKey := "", ""
	for _, name := range slices.Sorted(maps.Keys(v.raw.Services)) {
		s := v.raw.Services[name]
		file, key := s.Device.Database.DSNFile, "services."+name+".device.database.dsn_file"
		switch {
		case file == "" || s.Kind != kindDevice || file == first:
		case first == "":
			first, firstKey = file, key
		default:
			v.wrongAt(key, "name the same file, or guard the other system with a gateway of its own", "%s is another database than %s", key, firstKey)
		}
	}
}

// Database is the database of all device services together.
type Database struct {
	DSNFile            string
	Every              time.Duration // the shortest that any of them asks for
	Services, Register []string      // that it governs, and that add to it
}

// DeviceDatabase is the existing database that device services name; an empty
// DSNFile if none does.
func (c *Config) DeviceDatabase() (out Database) {
	for i := range c.Services {
		s := &c.Services[i]
		d := &s.Device.Database
		if d.DSNFile == "" {
			continue
		}
		if out.DSNFile == "" || d.Every < out.Every {
			out.Every = d.Every
		}
		out.DSNFile = d.DSNFile
		out.Services = append(out.Services, s.Name)
		if d.Register {
			out.Register = append(out.Register, s.Name)
		}
	}
	return out
}
