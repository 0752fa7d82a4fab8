package commands

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/schollz/progressbar/v3"
)

// How often progress shows itself: frames of a bar, and lines of a log that somebody may have to read in the morning.
const (
	frameEvery = 100 * time.Millisecond
	lineEvery  = 15 * time.Second
)

// progress draws what extract, transform and load count: on a terminal one lively line for the phase that is going on, a line that
// stays for each stream that ended, and one for each phase that did; elsewhere a log line now and then. It is safe for several
// goroutines.
type progress struct {
	env    Env
	bars   bool
	lines  bool
	log    *slog.Logger
	screen *screen
	asked  *tally
	done   chan struct{}
	ended  sync.WaitGroup

	mu     sync.Mutex
	phase  phase
	active []*counted // in the order in which they began
	spin   int
	drawn  time.Time
	closed bool
}

// tally counts the requests of a command, to both servers.
type tally struct{ all, retries atomic.Int64 }

func (a *tally) count(retry bool) {
	a.all.Add(1)
	if retry {
		a.retries.Add(1)
	}
}

// phase is what is going on. Its rows are those of the streams that ended in it.
type phase struct {
	name             string // empty: none
	started          time.Time
	rows             int64
	requests, repeat int64 // of the command, when it began
}

// counted is one stream on its way.
type counted struct {
	stream  string
	total   int64 // -1 where it is not known
	rows    int64
	started time.Time
	open    int // how often it was begun and not ended
	marks   []mark
}

// mark is what was counted at some moment.
type mark struct {
	at   time.Time
	rows int64
}

// lastMarks is how many seconds the speed is measured over: what was read before a run was resumed is no speed, and is out of it
// then.
const lastMarks = 30

// speed is rows a second of late; 0 where it cannot be told yet.
func (c *counted) speed(now time.Time) float64 {
	if len(c.marks) == 0 || now.Sub(c.marks[len(c.marks)-1].at) >= time.Second {
		c.marks = append(c.marks, mark{now, c.rows})
		if len(c.marks) > lastMarks {
			c.marks = c.marks[1:]
		}
	}
	since := now.Sub(c.marks[0].at)
	if since < time.Second {
		return 0
	}
	return max(float64(c.rows-c.marks[0].rows)/since.Seconds(), 0)
}

// left is how long the rest will take, where that can be told.
func (c *counted) left(now time.Time) (time.Duration, bool) {
	speed := c.speed(now)
	if c.total <= 0 || c.rows >= c.total || speed == 0 {
		return 0, false
	}
	return time.Duration(float64(c.total-c.rows) / speed * float64(time.Second)).Round(time.Second), true
}

// newProgress draws bars where mode is "always", or "auto" and stderr is a terminal that gets no JSON; it logs lines where
// mode is "auto" otherwise, and does nothing where it is "never". Close ends it.
func newProgress(env Env, mode string, log *slog.Logger) *progress {
	_, jsonLog := log.Handler().(*slog.JSONHandler)
	p := &progress{env: env, log: log, screen: newScreen(env.Stderr), asked: &tally{}, done: make(chan struct{})}
	p.bars = mode == "always" || mode == "auto" && env.StderrTerminal && !dumb(env) && !jsonLog
	p.lines = mode == "auto" && !p.bars
	switch {
	case p.bars:
		p.every(frameEvery, p.frame)
	case p.lines:
		p.every(lineEvery, p.logActive)
	}
	return p
}

// every calls f until Close.
func (p *progress) every(d time.Duration, f func()) {
	p.ended.Go(func() {
		ticker := time.NewTicker(d)
		defer ticker.Stop()
		for {
			select {
			case <-p.done:
				return
			case <-ticker.C:
				f()
			}
		}
	})
}

// Phase begins a phase, and ends the one before.
func (p *progress) Phase(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finishPhase()
	p.phase = phase{name: name, started: p.env.Now(), requests: p.asked.all.Load(), repeat: p.asked.retries.Load()}
	if p.lines {
		p.log.Info("phase", slog.String("phase", name))
	}
	p.draw()
}

// Finish ends the last phase: all went well.
func (p *progress) Finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finishPhase()
	p.draw()
}

// finishPhase leaves a line that says what was counted in a phase.
func (p *progress) finishPhase() {
	ph := p.phase
	if ph.name == "" {
		return
	}
	p.phase = phase{}
	took := p.env.Now().Sub(ph.started)
	switch {
	case p.bars && ph.rows == 0 && took < time.Second: // nothing to see
	case p.bars:
		requests, retries := p.requests(ph)
		line := fmt.Sprintf("%-22s %9s rows  %-8s  %s  %s", ph.name, count(ph.rows), seconds(took), requests, retries)
		p.screen.draw("")
		fmt.Fprintln(p.screen, p.colour(text.Bold, strings.TrimRight(text.Trim(line, p.width()-1), " ")))
	case p.lines:
		p.log.Info("phase done", append([]any{slog.String("phase", ph.name), slog.Int64("rows", ph.rows)}, p.askedIn(ph, took)...)...)
	}
}

// requests are those of a phase in words; empty where there were none.
func (p *progress) requests(ph phase) (requests, retries string) {
	if n := p.asked.all.Load() - ph.requests; n > 0 {
		requests = plural(n, "request")
	}
	switch n := p.asked.retries.Load() - ph.repeat; {
	case n == 1:
		retries = "1 retry"
	case n > 1:
		retries = count(n) + " retries"
	}
	return requests, retries
}

// askedIn are the keys of a log line that belong to the whole phase.
func (p *progress) askedIn(ph phase, took time.Duration) []any {
	return []any{slog.Int64("requests", p.asked.all.Load()-ph.requests), slog.Int64("retries", p.asked.retries.Load()-ph.repeat), inSeconds(took)}
}

func inSeconds(took time.Duration) slog.Attr {
	return slog.Float64("seconds", float64(took.Milliseconds())/1000)
}

// Begin starts to count a stream of total rows, -1 where their number is not known yet. For a stream that was begun and has
// not ended, a number is its total, known now; -1 is a second part of it, which ends for itself.
func (p *progress) Begin(stream string, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c := p.find(stream); c != nil {
		if total < 0 {
			c.open++
		} else {
			c.total = max(c.total, 0) + total
		}
		p.draw()
		return
	}
	now := p.env.Now()
	p.active = append(p.active, &counted{stream: stream, total: total, started: now, open: 1, marks: []mark{{at: now}}})
	p.draw()
}

// Add counts rows. A stream that was not begun is not drawn.
func (p *progress) Add(stream string, rows int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.find(stream)
	if c == nil {
		return
	}
	c.rows += int64(rows)
	if p.env.Now().Sub(p.drawn) >= frameEvery {
		p.draw()
	}
}

// End leaves a line that says what was counted.
func (p *progress) End(stream string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.find(stream)
	if c == nil {
		return
	}
	if c.open--; c.open > 0 {
		return
	}
	for i := range p.active {
		if p.active[i] == c {
			p.active = append(p.active[:i:i], p.active[i+1:]...)
			break
		}
	}
	p.phase.rows += c.rows
	took := p.env.Now().Sub(c.started)
	switch {
	case p.bars:
		p.screen.draw("")
		fmt.Fprintln(p.screen, p.finished(c, took))
		p.draw()
	case p.lines:
		p.log.Info("stream done", p.attributes(c)...)
	}
}

// Close takes the bar away. It may be called again.
func (p *progress) Close() {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.closed, p.active, p.phase = true, nil, phase{}
	close(p.done)
	p.mu.Unlock()
	p.ended.Wait()
	if p.bars {
		p.screen.draw("")
	}
}

func (p *progress) find(stream string) *counted {
	for _, c := range p.active {
		if c.stream == stream {
			return c
		}
	}
	return nil
}

func (p *progress) frame() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.draw()
}

// draw shows the stream that was begun last, and how many others there are; the phase alone where there is none.
func (p *progress) draw() {
	if !p.bars || p.closed {
		return
	}
	p.drawn = p.env.Now()
	p.spin++
	bar := ""
	if n := len(p.active); n > 0 {
		bar = p.bar(p.active[n-1], n-1)
	} else if p.phase.name != "" {
		bar = p.bar(&counted{total: -1, started: p.phase.started}, 0)
	}
	p.screen.draw(bar)
}

// logActive logs each stream that is on its way, or that the phase goes on where there is none.
func (p *progress) logActive() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.active {
		p.log.Info("progress", p.attributes(c)...)
	}
	if len(p.active) == 0 && p.phase.name != "" {
		p.log.Info("progress", append([]any{slog.String("phase", p.phase.name)}, p.askedIn(p.phase, p.env.Now().Sub(p.phase.started))...)...)
	}
}

// attributes are the stable keys of a log line about a stream. docs/logs.md tells them.
func (p *progress) attributes(c *counted) []any {
	now := p.env.Now()
	var list []any
	if p.phase.name != "" {
		list = append(list, slog.String("phase", p.phase.name))
	}
	list = append(list, slog.String("stream", c.stream), slog.Int64("rows", c.rows))
	if c.total >= 0 {
		list = append(list, slog.Int64("total", c.total))
	}
	list = append(list, slog.Int64("rows_per_second", rate(c.rows, now.Sub(c.started))))
	if left, ok := c.left(now); ok {
		list = append(list, slog.Int64("seconds_left", int64(left.Seconds())))
	}
	return append(list, p.askedIn(p.phase, now.Sub(c.started))...)
}

// rate is whole rows a second.
func rate(rows int64, took time.Duration) int64 {
	if took <= 0 {
		return 0
	}
	return int64(float64(rows)/took.Seconds() + 0.5)
}

// bar is one line that fits the terminal. What there is no room for is left out, the least important first; a bar takes the room
// that is left.
func (p *progress) bar(c *counted, others int) string {
	room, spinner := p.width()-1, ""
	if c.total < 0 {
		spinner = "  " + string(`|/-\`[p.spin%4])
	}
	parts := p.parts(c, others)
	for least := len(parts) - 1; least > 0 && text.StringWidth(joined(parts)+spinner) > room; least-- {
		for i := range parts {
			if parts[i].rank == least {
				parts[i].text = ""
			}
		}
	}
	line := joined(parts) + spinner
	if spare := room - text.StringWidth(line) - len("  100% || "); c.total > 0 && spare >= 5 {
		line += "  " + p.meter(c, min(spare, 40))
	}
	return text.Trim(line, room)
}

// part is a word or two of the lively line. Rank 0 is the most important.
type part struct {
	rank int
	text string
}

func (p *progress) parts(c *counted, others int) []part {
	now := p.env.Now()
	phase, name := p.phase.name, c.stream
	if name == "" {
		phase, name = "", phase
	} else if phase != "" {
		phase += ":"
	}
	rows, more, speed, left := "", "", "", ""
	if c.stream != "" {
		rows = count(c.rows)
		if c.total > 0 {
			rows += "/" + count(c.total)
		}
		rows += " " + unit(c.stream)
		if s := int64(c.speed(now) + 0.5); s > 0 {
			speed = count(s) + "/s"
		}
	}
	if others > 0 {
		more = fmt.Sprintf("(+%d more)", others)
	}
	if d, ok := c.left(now); ok {
		left = short(d) + " left"
	} else if took := now.Sub(c.started); took >= time.Second {
		left = short(took.Truncate(time.Second))
	}
	requests, retries := p.requests(p.phase)
	return []part{{6, phase}, {0, name}, {7, more}, {1, rows}, {3, speed}, {4, requests}, {5, retries}, {2, left}}
}

// unit is what a stream counts.
func unit(stream string) string {
	if stream == shopsStream {
		return "shops"
	}
	return "rows"
}

// shopsStream is what a run over several shops counts.
const shopsStream = "shops"

func joined(parts []part) string {
	var words []string
	for _, x := range parts {
		if x.text != "" {
			words = append(words, x.text)
		}
	}
	return "  " + strings.Replace(strings.Join(words, "  "), ":  ", ": ", 1)
}

// short is whole seconds, minutes or hours: 45s, 2m 5s, 1h 10m.
func short(d time.Duration) string {
	s := int64(d.Seconds())
	switch {
	case s < 60:
		return fmt.Sprintf("%ds", s)
	case s < 3600:
		return fmt.Sprintf("%dm %ds", s/60, s%60)
	}
	return fmt.Sprintf("%dh %dm", s/3600, s%3600/60)
}

// meter is the bar itself.
func (p *progress) meter(c *counted, width int) string {
	theme := progressbar.Theme{Saucer: "=", SaucerHead: ">", SaucerPadding: " ", BarStart: "|", BarEnd: "|"}
	bar := progressbar.NewOptions64(c.total, progressbar.OptionSetWriter(io.Discard), progressbar.OptionSetWidth(width),
		progressbar.OptionSetTheme(theme), progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(false))
	_ = bar.RenderBlank()
	_ = bar.Set64(min(c.rows, c.total)) // it fails where rows exceed the total, which min excludes
	return strings.Trim(bar.String(), "\r ")
}

// finished is the line that stays.
func (p *progress) finished(c *counted, took time.Duration) string {
	line := fmt.Sprintf("%-20s %9s %s  %s", c.stream, count(c.rows), unit(c.stream), seconds(took))
	return "  " + p.colour(text.FgGreen, text.Trim(line, p.width()-3))
}

func (p *progress) colour(c text.Color, s string) string {
	if !colourful(p.env) {
		return s
	}
	return c.EscapeSeq() + s + text.Reset.EscapeSeq()
}

func (p *progress) width() int { return p.env.columns() }
