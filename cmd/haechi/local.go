package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"haechi"
	"haechi/internal/app"
	"haechi/internal/config"
	"haechi/internal/show/api"
)

// client reaches the running gateway over the local socket in its state folder. A
// mistake in the file does not keep an operator from the gateway that runs.
func (o *options) client() (*api.Client, error) {
	conf, err := o.load()
	if broken := (*config.Errors)(nil); errors.As(err, &broken) && broken.State != "" {
		if running, rerr := o.dial(broken.State); rerr == nil {
			return running, nil
		}
	}
	if err != nil {
		return nil, err
	}
	return o.dial(conf.State)
}

func (o *options) dial(state string) (*api.Client, error) {
	socket := filepath.Join(state, app.SocketName)
	if _, err := os.Stat(socket); err != nil {
		return nil, &haechi.Error{Kind: haechi.Unavailable, Op: "reach the gateway", Msg: "it does not run with this configuration (" + o.path() + ")",
			Hint: "start it with haechi run, or name the right file with --config"}
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}
	return api.NewClient(&http.Client{Transport: &http.Transport{DialContext: dial}}, "http://haechi"), nil
}

// load reads the configuration. From then on times are in its zone, as in the
// console and the reports.
func (o *options) load() (*config.Config, error) {
	path := o.path()
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, &haechi.Error{Kind: haechi.NotFound, Op: "read the configuration", Err: err,
			Hint: "haechi init writes one; --config names another"}
	}
	c, errs := config.Load(path, src)
	if errs != nil {
		return nil, errs
	}
	o.print.zone = c.Zone
	return c, nil
}
