package commands

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/schollz/progressbar/v3"
)

// How often progress shows itself: frames of a bar, and lines of a log that somebody may have to read in the morning.
const (
	frameEvery = 100 * time.Millisecond
	lineEvery  = 15 * time.Second
)

// progress draws what extract and load count: on a terminal a bar of what was begun last, and a line that stays for each
// stream that ended; elsewhere a log line now and then. It is safe for several goroutines.
type progress struct {
	env    Env
	bars   bool
	lines  bool
	log    *slog.Logger
	screen *screen
	done   chan struct{}
	ended  sync.WaitGroup

	mu     sync.Mutex
	active []*counted // in the order in which they began
	spin   int
	drawn  time.Time
	closed bool
}

// counted is one stream on its way.
type counted struct {
	stream  string
	total   int64 // -1 where it is not known
	rows    int64
	started time.Time
	open    int // how often it was begun and not ended
}

// newProgress draws bars where mode is "always", or "auto" and stderr is a terminal that gets no JSON; it logs lines where
// mode is "auto" otherwise, and does nothing where it is "never". Close ends it.
func newProgress(env Env, mode string, log *slog.Logger) *progress {
	_, jsonLog := log.Handler().(*slog.JSONHandler)
	p := &progress{env: env, log: log, screen: newScreen(env.Stderr), done: make(chan struct{})}
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

// Phase prints a heading.
func (p *progress) Phase(name string) {
	switch {
	case p.bars:
		fmt.Fprintln(p.screen, p.colour(text.Bold, name))
	case p.lines:
		p.log.Info("phase", "phase", name)
	}
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
	p.active = append(p.active, &counted{stream: stream, total: total, started: p.env.Now(), open: 1})
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
	p.closed, p.active = true, nil
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

// draw shows the stream that was begun last, and how many others there are.
func (p *progress) draw() {
	if !p.bars || p.closed {
		return
	}
	p.drawn = p.env.Now()
	p.spin++
	bar := ""
	if n := len(p.active); n > 0 {
		bar = p.bar(p.active[n-1], n-1)
	}
	p.screen.draw(bar)
}

func (p *progress) logActive() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.active {
		p.log.Info("progress", p.attributes(c)...)
	}
}

// attributes are the stable keys of a log line.
func (p *progress) attributes(c *counted) []any {
	took := p.env.Now().Sub(c.started)
	list := []any{"stream", c.stream, "rows", c.rows}
	if c.total >= 0 {
		list = append(list, "total", c.total)
	}
	return append(list, "rows_per_second", rate(c.rows, took), "seconds", float64(took.Milliseconds())/1000)
}

// rate is whole rows a second.
func rate(rows int64, took time.Duration) int64 {
	if took <= 0 {
		return 0
	}
	return int64(float64(rows)/took.Seconds() + 0.5)
}

// bar is one line that fits the terminal: the name and numbers, and a bar in what room is left.
func (p *progress) bar(c *counted, others int) string {
	width := p.width()
	name := c.stream
	if others > 0 {
		name += fmt.Sprintf(" (+%d more)", others)
	}
	numbers := count(c.rows)
	if c.total > 0 {
		numbers += "/" + count(c.total)
	}
	numbers += " rows"
	if speed := rate(c.rows, p.env.Now().Sub(c.started)); speed > 0 {
		numbers += fmt.Sprintf("  %s/s", count(speed))
	}
	label := fmt.Sprintf("  %-20s %s", name, numbers)
	room := width - text.StringWidth(label) - len("  100% || ")
	if c.total > 0 && room >= 5 {
		label += "  " + p.meter(c, min(room, 40))
	} else if c.total < 0 {
		label += "  " + string(`|/-\`[p.spin%4])
	}
	return text.Trim(label, width-1)
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
	line := fmt.Sprintf("%-20s %9s rows  %s", c.stream, count(c.rows), seconds(took))
	return "  " + p.colour(text.FgGreen, text.Trim(line, p.width()-3))
}

func (p *progress) colour(c text.Color, s string) string {
	if !colourful(p.env) {
		return s
	}
	return c.EscapeSeq() + s + text.Reset.EscapeSeq()
}

func (p *progress) width() int {
	if p.env.Width > 0 {
		return p.env.Width
	}
	return 80
}
