package commands

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// child is a command of this program over one shop, run as a process of its own. A process and not a goroutine, because
// DuckDB is a C++ library: what it does wrong, and what the system does when memory is short, ends a process, and must end
// one shop's. The process group is its own, so that a Ctrl-C reaches it once, through the process that it belongs to.
type child struct {
	app    *app
	shop   string
	config string
	args   []string // the command and its options
	// lease, where there is one, says until when the child may write; it is asked again and again.
	lease func() time.Time
	grace time.Duration // how long a child that was told to stop may take; 0 means as long as it likes
}

// childResult is how a child ended.
type childResult struct {
	code    int
	summary *summary // nil where it came to none
	line    string   // the summary as it was written
	said    string   // its error, or how it crashed
	took    time.Duration
}

// run runs the child. When ctx ends it is told to stop as cron's kill tells it, and leaves a run that can be resumed.
func (c *child) run(ctx context.Context) childResult {
	start := c.app.env.Now()
	result, err := c.process(ctx)
	if err != nil {
		result = childResult{code: exitFailed, said: err.Error()}
	}
	result.took = c.app.env.Now().Sub(start)
	return result
}

func (c *child) process(ctx context.Context) (childResult, error) {
	args := append([]string{"--config", c.config, "--log-format", "json", "--log-level", c.level(), "--progress", c.progress()}, c.args...)
	cmd := exec.CommandContext(ctx, c.app.env.Executable, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = c.grace
	kind := leashTied
	if c.lease != nil {
		kind = leashLease
	}
	cmd.Env = append(os.Environ(), leashVariable+"="+kind)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return childResult{}, fmt.Errorf("start a process for the shop: %w", err)
	}
	heard := &childVoice{app: c.app, shop: c.shop}
	cmd.Stdout, cmd.Stderr = io.Discard, heard
	if err := cmd.Start(); err != nil {
		return childResult{}, fmt.Errorf("start a process for the shop: %w", err)
	}
	ended := make(chan struct{})
	go c.hold(stdin, ended)
	err = cmd.Wait()
	close(ended)
	heard.end()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, context.Canceled) && !errors.Is(err, exec.ErrWaitDelay) {
		return childResult{}, fmt.Errorf("wait for the shop's process: %w", err)
	}
	return heard.result(cmd.ProcessState), nil
}

// leaseEvery is how often a child is told of a lease that was renewed: much more often than any is.
const leaseEvery = 100 * time.Millisecond

// hold tells the child until when it may write, and keeps its leash as long as it lives.
func (c *child) hold(stdin io.WriteCloser, ended <-chan struct{}) {
	defer stdin.Close()
	if c.lease == nil {
		<-ended
		return
	}
	var told time.Time
	ticker := time.NewTicker(leaseEvery)
	defer ticker.Stop()
	for {
		if until := c.lease(); !until.Equal(told) {
			if _, err := io.WriteString(stdin, leaseLine(until)); err != nil {
				return
			}
			told = until
		}
		select {
		case <-ended:
			return
		case <-ticker.C:
		}
	}
}

// progress is what the child tells of it: log lines, where they are passed on. It draws nothing, since several would draw over one
// another.
func (c *child) progress() string {
	if c.app.logJSON && c.app.progress == "auto" && c.level() != "warn" && c.level() != "error" {
		return "auto"
	}
	return "never"
}

// level is what the child tells: for people only what they must know, unless they want to see everything.
func (c *child) level() string {
	ctx := context.Background()
	switch {
	case c.app.log.Enabled(ctx, slog.LevelDebug):
		return "debug"
	case c.app.logJSON && c.app.log.Enabled(ctx, slog.LevelInfo):
		return "info"
	case c.app.log.Enabled(ctx, slog.LevelWarn):
		return "warn"
	}
	return "error"
}

// childVoice takes in what a child writes to stderr: log lines, which are passed on with the shop's name, its summary, and,
// when it crashes, what the runtime or the C++ library says.
type childVoice struct {
	app  *app
	shop string

	rest  []byte
	code  int // as it said itself
	spoke bool
	sum   *summary
	line  string
	said  string
	crash []string
}

// maxCrash is how many lines of a crash are kept.
const maxCrash = 12

func (v *childVoice) Write(p []byte) (int, error) {
	v.rest = append(v.rest, p...)
	for {
		i := bytes.IndexByte(v.rest, '\n')
		if i < 0 {
			return len(p), nil
		}
		v.hear(v.rest[:i])
		v.rest = v.rest[i+1:]
	}
}

func (v *childVoice) end() {
	if len(v.rest) > 0 {
		v.hear(v.rest)
		v.rest = nil
	}
}

func (v *childVoice) hear(line []byte) {
	var fields map[string]any
	if json.Unmarshal(line, &fields) != nil || fields == nil {
		if len(v.crash) < maxCrash && len(bytes.TrimSpace(line)) > 0 {
			v.crash = append(v.crash, printable(string(line)))
		}
		return
	}
	if fields["type"] == "summary" {
		var s summary
		if json.Unmarshal(line, &s) == nil {
			v.sum, v.line, v.code, v.spoke = &s, string(line), s.ExitCode, true
		}
		return
	}
	text, _ := fields["msg"].(string)
	if code, ok := fields["exit_code"].(float64); ok {
		v.code, v.said, v.spoke = int(code), text, true
		if !v.app.logJSON {
			return // the shop's line says it
		}
	}
	var level slog.Level
	if name, _ := fields["level"].(string); level.UnmarshalText([]byte(name)) != nil {
		level = slog.LevelInfo
	}
	attributes := []any{"shop", v.shop}
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		if key != "time" && key != "level" && key != "msg" && key != "shop" {
			attributes = append(attributes, key, fields[key])
		}
	}
	v.app.log.Log(context.Background(), level, text, attributes...)
}

// result trusts the exit code of a process that has said it, too: a Go program that panics ends with 2, which is the code of
// a wrong configuration, and that must not be tried again.
func (v *childVoice) result(state *os.ProcessState) childResult {
	code := state.ExitCode()
	r := childResult{code: code, summary: v.sum, line: v.line, said: v.said}
	if code == exitDone || v.spoke && code == v.code {
		return r
	}
	r.code, r.summary, r.line = exitFailed, nil, ""
	r.said = "its process crashed: " + state.String()
	if len(v.crash) > 0 {
		r.said += ": " + strings.Join(v.crash[:min(2, len(v.crash))], "; ")
	}
	for _, line := range v.crash {
		v.app.log.Debug("crash", "shop", v.shop, "line", line)
	}
	return r
}
