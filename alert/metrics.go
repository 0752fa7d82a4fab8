package alert

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Figures are what Prometheus is told of a shop's last run.
type Figures struct {
	Shop        string
	Version     string
	ExitCode    int
	Began       time.Time
	Ended       time.Time
	LastSuccess time.Time // when a run last ended with exit code 0 or 3; zero: never
	Seconds     map[string]float64
	Streams     []StreamFigures
	Changes     []ChangeFigures
	LeftOut     map[string]int64 // rows of run.issues by kind
}

// StreamFigures are one part of a stream.
type StreamFigures struct {
	Stream, Store, Part     string
	Rows, Requests, Retries int64
	Complete                bool
}

// ChangeFigures are the changes of one kind.
type ChangeFigures struct {
	Entity, Operation string
	Outcomes          map[string]int64 // planned, done, rejected, held, unfinished
}

// Namespace begins the name of every metric. docs/alerts.md lists them.
const Namespace = "magento_optiply"

// WriteMetrics writes the figures in Prometheus's text format, for node_exporter's textfile collector: to a temporary file
// that is renamed, so that no half-written one is collected.
func WriteMetrics(path string, f Figures) error {
	registry := prometheus.NewRegistry()
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: Namespace, Name: name, Help: help, ConstLabels: prometheus.Labels{"shop": f.Shop}}, labels)
		registry.MustRegister(g)
		return g
	}
	gauge("build_info", "1; the version of the program that ran last.", "version").WithLabelValues(f.Version).Set(1)
	gauge("run_exit_code", "Exit code of the last run; 0 is good, 3 is done with rows left out.").WithLabelValues().Set(float64(f.ExitCode))
	gauge("run_start_timestamp_seconds", "When the last run began.").WithLabelValues().Set(unix(f.Began))
	gauge("run_end_timestamp_seconds", "When the last run ended.").WithLabelValues().Set(unix(f.Ended))
	gauge("last_success_timestamp_seconds", "When a run last ended with exit code 0 or 3; 0 is never.").WithLabelValues().Set(unix(f.LastSuccess))
	phases := gauge("phase_duration_seconds", "What each phase of the last run took.", "phase")
	for phase, took := range f.Seconds {
		phases.WithLabelValues(phase).Set(took)
	}
	streams := []string{"stream", "store", "part"}
	rows, requests := gauge("stream_rows", "Records read of a stream.", streams...), gauge("stream_requests", "Requests for a stream, retries included.", streams...)
	retries, complete := gauge("stream_retries", "Requests for a stream that were repeated.", streams...), gauge("stream_complete", "1 where the stream was read whole, else 0.", streams...)
	for _, s := range f.Streams {
		rows.WithLabelValues(s.Stream, s.Store, s.Part).Add(float64(s.Rows))
		requests.WithLabelValues(s.Stream, s.Store, s.Part).Add(float64(s.Requests))
		retries.WithLabelValues(s.Stream, s.Store, s.Part).Add(float64(s.Retries))
		whole := 0.0
		if s.Complete {
			whole = 1
		}
		complete.WithLabelValues(s.Stream, s.Store, s.Part).Set(whole)
	}
	changes := gauge("changes", "Changes of the last run by outcome: planned, done, rejected, held, unfinished.", "entity", "operation", "outcome")
	for _, c := range f.Changes {
		for outcome, n := range c.Outcomes {
			changes.WithLabelValues(c.Entity, c.Operation, outcome).Set(float64(n))
		}
	}
	leftOut := gauge("left_out_rows", "Rows that the last run left out, by kind: rejected, quarantined, dropped, held.", "kind")
	for kind, n := range f.LeftOut {
		leftOut.WithLabelValues(kind).Set(float64(n))
	}
	if err := prometheus.WriteToTextfile(path, registry); err != nil {
		return fmt.Errorf("write the metrics: %w", err)
	}
	return nil
}

func unix(at time.Time) float64 {
	if at.IsZero() {
		return 0
	}
	return float64(at.UnixMilli()) / 1000
}
