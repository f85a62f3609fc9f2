package telemetry

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"haechi"
)

// The numbers of kinds, outcomes and reasons for which counters are prepared.
const (
	kinds    = int(haechi.KindSystem) + 1
	outcomes = int(haechi.Failure) + 1
)

// Metrics counts events and serves the result.
type Metrics struct {
	registry     *prometheus.Registry
	authFailures prometheus.Counter
	rateLimited  prometheus.Counter
	processing   prometheus.Histogram
	events       [kinds][outcomes]prometheus.Counter
	refusals     map[haechi.Reason]prometheus.Counter // read only after New
	otherReason  prometheus.Counter
	bytesIn      prometheus.Counter
	bytesOut     prometheus.Counter
}

// New makes the metrics with every counter prepared.
func New() *Metrics {
	m := &Metrics{
		registry:     prometheus.NewRegistry(),
		authFailures: counter("kakaobot_auth_failures_total", "Failed device authentications."),
		rateLimited:  counter("kakaobot_rate_limit_hits_total", "Connections, requests and messages that a limit refused or slowed down."),
		processing: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name:    "kakaobot_message_processing_duration_seconds",
			Help:    "How long the gateway worked on a device message: reading, proving, judging, and handing it to the upstream's socket.",
			Buckets: []float64{.000002, .000005, .00001, .000025, .00005, .0001, .0005, .001, .005, .025, .1, .5, 2.5},
		}),
		bytesIn:  counter("haechi_received_bytes_total", "Bytes received from peers, as events state them."),
		bytesOut: counter("haechi_sent_bytes_total", "Bytes sent to peers, as events state them."),
	}
	m.registry.MustRegister(m.authFailures, m.rateLimited, m.processing, m.bytesIn, m.bytesOut,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.prepare()
	return m
}

func counter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
}

// prepare makes the labelled counters, so that the tap never looks a label up.
func (m *Metrics) prepare() {
	events := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "haechi_events_total",
		Help: "Observations by kind and outcome."}, []string{"kind", "outcome"})
	refusals := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "haechi_refusals_total",
		Help: "What was refused and not only watched, by reason."}, []string{"reason"})
	m.registry.MustRegister(events, refusals)
	for k := range kinds {
		for o := range outcomes {
			m.events[k][o] = events.WithLabelValues(haechi.Kind(k).String(), haechi.Outcome(o).String())
		}
	}
	m.refusals = map[haechi.Reason]prometheus.Counter{}
	for _, r := range reasons() {
		m.refusals[r] = refusals.WithLabelValues(string(r))
	}
	m.otherReason = refusals.WithLabelValues("other")
}

// Tap counts one event. A coalesced event counts for all it stands for, but its
// duration is observed once.
func (m *Metrics) Tap(e *haechi.Event) {
	n := float64(e.N())
	if int(e.Kind) < kinds && int(e.Outcome) < outcomes {
		m.events[e.Kind][e.Outcome].Add(n)
	}
	if e.BytesIn > 0 {
		m.bytesIn.Add(float64(e.BytesIn))
	}
	if e.BytesOut > 0 {
		m.bytesOut.Add(float64(e.BytesOut))
	}
	if e.Kind == haechi.KindMessage && e.Duration > 0 {
		m.processing.Observe(e.Duration.Seconds())
	}
	if e.Kind == haechi.KindAuth && e.Outcome == haechi.Failure && e.Reason != haechi.ReasonLogin {
		m.authFailures.Add(n)
	}
	if e.Shadow || e.Allowed {
		return
	}
	if e.Reason == haechi.ReasonRateLimit && e.Kind != haechi.KindClose {
		m.rateLimited.Add(n)
	}
	if e.Refusal() {
		m.refused(e.Reason).Add(n)
	}
}

func (m *Metrics) refused(r haechi.Reason) prometheus.Counter {
	if c, ok := m.refusals[r]; ok {
		return c
	}
	return m.otherReason
}

// Handler serves the metrics. Whoever mounts it decides who may read them.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
}
