package telemetry

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"

	"haechi"
)

// Gauge serves a number that is asked for at each scrape, for example
// "kakaobot_active_connections" or "haechi_decisions_in_force". The name must be
// a constant of the program. Errors are of kind Conflict: the name is taken.
func (m *Metrics) Gauge(name, help string, value func() float64) error {
	return m.register(name, prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
}

// Count is Gauge for a number that only grows; its name ends in _total.
func (m *Metrics) Count(name, help string, value func() float64) error {
	return m.register(name, prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, value))
}

// Bounds serves the counters of bounds that refused or dropped something, as
// haechi_bounds{part,bound}. part is a constant of the program, and so must
// the names be that read returns; equal names are added up.
func (m *Metrics) Bounds(part string, read func() []haechi.Counter) error {
	return m.register(part, bounds{
		desc: prometheus.NewDesc("haechi_bounds", "What a bounded table, queue or limit holds, refused, dropped or coalesced.",
			[]string{"bound"}, prometheus.Labels{"part": part}),
		read: read,
	})
}

func (m *Metrics) register(name string, c prometheus.Collector) error {
	err := m.registry.Register(c)
	if taken := (prometheus.AlreadyRegisteredError{}); errors.As(err, &taken) {
		return &haechi.Error{Kind: haechi.Conflict, Op: "register the metric", Msg: name + " is registered already", Err: err}
	}
	if err != nil {
		return &haechi.Error{Kind: haechi.Invalid, Op: "register the metric " + name, Err: err}
	}
	return nil
}

// bounds collects the counters of one part. Some of them are sizes that go down, so
// the metric is a gauge: increase() reads the counts among them all the same.
type bounds struct {
	desc *prometheus.Desc
	read func() []haechi.Counter
}

// maxBounds is how many names of one part are served: names are constants, so
// that more of them are a defect.
const maxBounds = 200

// Describe implements prometheus.Collector.
func (b bounds) Describe(ch chan<- *prometheus.Desc) { ch <- b.desc }

// Collect implements prometheus.Collector.
func (b bounds) Collect(ch chan<- prometheus.Metric) {
	sums := map[string]uint64{}
	for _, c := range b.read() {
		if _, ok := sums[c.Name]; ok || len(sums) < maxBounds {
			sums[c.Name] += c.Value
		}
	}
	for name, v := range sums {
		ch <- prometheus.MustNewConstMetric(b.desc, prometheus.GaugeValue, float64(v), name)
	}
}
