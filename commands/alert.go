package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/template"
	"time"

	"magento-optiply/alert"
	"magento-optiply/config"
	"magento-optiply/store"
)

// alerts tells others how a run went. It never fails the run: what it cannot tell, the log says.
type alerts struct {
	night *night
	to    config.Alerts
	began time.Time
	body  *template.Template
	file  string
	// started is closed when the heartbeat's start is told, or cannot be; the run does not wait for it. noMore gives it up.
	started chan struct{}
	noMore  context.CancelFunc
}

// startPatience is how long a run that has ended waits for its start to be told, so that the two are told in order.
const startPatience = 5 * time.Second

// startAlerts says that a run has begun. The configuration's template is read first, because a mistake in it is a mistake of
// the configuration. A dry run and a recorded shop are nobody's night, so nobody is told; only a file that
// the command line names is written.
func (n *night) startAlerts(ctx context.Context, o *runOptions) (*alerts, error) {
	c := n.cfg.Alerts
	body, err := alert.ParseBody(c.WebhookBody)
	if err != nil {
		return nil, usageError(fmt.Errorf("alerts.webhook_body: %w", err))
	}
	w := &alerts{night: n, to: c, began: n.app.env.Now(), body: body, file: c.MetricsFile}
	if o.metricsFile != "" {
		w.file = o.metricsFile
	}
	if o.dryRun || o.fixtures != "" {
		w.to = config.Alerts{}
		w.file = o.metricsFile
	}
	w.file = strings.ReplaceAll(w.file, "{shop}", n.cfg.Shop)
	w.start(ctx)
	return w, nil
}

// start tells the heartbeat beside the work, so that a server that does not answer keeps no run from beginning.
func (w *alerts) start(ctx context.Context) {
	w.started = make(chan struct{})
	ctx, w.noMore = context.WithCancel(ctx)
	heartbeat, ok := w.sender(w.to.HeartbeatURL)
	if !ok {
		close(w.started)
		return
	}
	go func() {
		defer close(w.started)
		w.note(heartbeat.Start(ctx), "the heartbeat's start")
	}()
}

// awaitStart is over when the start is told or given up.
func (w *alerts) awaitStart() {
	patience := time.AfterFunc(startPatience, w.noMore)
	defer patience.Stop()
	<-w.started
	w.noMore()
}

func (w *alerts) sender(address config.Secret) (alert.Sender, bool) {
	return alert.Sender{Address: address.Reveal(), UserAgent: w.night.app.userAgent()}, address.Reveal() != ""
}

func (w *alerts) note(err error, what string) {
	if err != nil {
		w.night.app.log.Warn(what+" could not be told; the run goes on without", "error", err)
	}
}

// end says how the run has ended. It is called when the run's files are closed, with the error that the run ends with.
func (w *alerts) end(ctx context.Context, ended error) {
	ended = w.night.app.orInterrupted(ctx, ended)
	ctx = context.WithoutCancel(ctx)
	n := w.night
	s := n.summary
	s.Shop, s.ExitCode = n.cfg.Shop, exitCode(ended)
	verdict := alertVerdict(s, ended)
	text := summaryText(s, 80, true) + "\n"
	if s.RunID == "" {
		text = verdict + "\n"
	} else if s.ExitCode != exitDone && s.ExitCode != exitIncomplete {
		text = verdict + "\n" + text
	}
	c := w.to
	w.awaitStart()
	if heartbeat, ok := w.sender(c.HeartbeatURL); ok {
		w.note(heartbeat.End(ctx, s.ExitCode, text), "the heartbeat's end")
	}
	if hook, ok := w.sender(c.WebhookURL); ok && (s.ExitCode != exitDone || c.WebhookWhen == config.WebhookAlways) {
		document, err := alert.Body(w.body, alert.Message{Shop: s.Shop, RunID: s.RunID, ExitCode: s.ExitCode, Verdict: verdict, Text: text, Summary: json.RawMessage(s.json())})
		if err == nil {
			err = hook.JSON(ctx, document)
		}
		w.note(err, "the webhook")
	}
	if w.file != "" {
		w.note(w.metrics(ctx, s), "the metrics")
	}
}

// alertVerdict is how a run ended, in a sentence or two.
func alertVerdict(s summary, ended error) string {
	var said *exitError
	if ended != nil && (!errors.As(ended, &said) || said.err != nil) && s.ExitCode != exitInterrupted {
		return sentence(ended)
	}
	if s.ExitCode == exitInterrupted {
		return "The run was interrupted; `run --resume` goes on with it."
	}
	var text []string
	for _, r := range s.verdict() {
		text = append(text, strings.TrimSpace(r.text+" "+r.command))
	}
	return strings.Join(text, " ")
}

func (w *alerts) metrics(ctx context.Context, s summary) error {
	n := w.night
	f := alert.Figures{Shop: s.Shop, Version: n.app.env.Version, ExitCode: s.ExitCode, Began: w.began, Ended: n.app.env.Now(), Seconds: s.Seconds,
		LeftOut: map[string]int64{"rejected": s.Issues.Rejected, "quarantined": s.Issues.Quarantined, "dropped": s.Issues.Dropped, "held": s.Issues.Held}}
	var err error
	if f.LastSuccess, err = w.lastSuccess(ctx); err != nil {
		return err
	}
	for _, st := range s.Streams {
		f.Streams = append(f.Streams, alert.StreamFigures{Stream: st.Name, Store: st.Store, Part: st.Part, Rows: st.Rows, Requests: st.Requests, Retries: st.Retries, Complete: st.Complete})
	}
	for _, c := range s.Changes {
		f.Changes = append(f.Changes, alert.ChangeFigures{Entity: c.Entity, Operation: c.Op, Outcomes: map[string]int64{
			"planned": c.Planned, "done": c.Done, "rejected": c.Rejected, "held": c.Held, "unfinished": c.Unfinished}})
	}
	return alert.WriteMetrics(w.file, f)
}

// lastSuccess looks into the history, which knows of this run too, for the newest that was done.
func (w *alerts) lastSuccess(ctx context.Context) (last time.Time, err error) {
	run, err := w.night.shop.OpenState(ctx, store.Read)
	if err != nil {
		return last, err
	}
	defer run.Close()
	list, err := run.Histories(ctx)
	for _, h := range list {
		if h.Command == "run" && (h.ExitCode == exitDone || h.ExitCode == exitIncomplete) && h.EndedAt.After(last) {
			last = h.EndedAt
		}
	}
	return last, err
}
