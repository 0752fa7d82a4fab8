package commands

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Signals are Ctrl-C and what systemd and cron's kill send. The first one ends the work after what is in flight; the second one
// ends the process where it stands. A question at the prompt takes a Ctrl-C for itself.
type Signals struct {
	mu       sync.Mutex
	stopped  bool
	question context.CancelFunc // of a question that a Ctrl-C ends instead of the program; nil where there is none
	parting  func()             // says that the process ends at once; nil where nothing is under way
}

// Watch gives a context that ends with the first signal. exit ends the process, at the second one.
func (s *Signals) Watch(ctx context.Context, exit func(code int)) context.Context {
	ctx, stop := context.WithCancel(ctx)
	heard := make(chan os.Signal, 4)
	signal.Notify(heard, os.Interrupt, syscall.SIGTERM)
	go func() {
		for sig := range heard {
			s.hear(sig, stop, exit)
		}
	}()
	return ctx
}

func (s *Signals) hear(sig os.Signal, stop context.CancelFunc, exit func(code int)) {
	s.mu.Lock()
	question, again := s.question, s.stopped
	if sig != os.Interrupt {
		question = nil
	}
	s.stopped = again || question == nil
	s.mu.Unlock()
	switch {
	case again:
		s.part()
		exit(exitInterrupted)
	case question != nil:
		question()
	default:
		stop()
	}
}

// part says the last words, unless that hangs: a terminal may have been stopped, or be gone.
func (s *Signals) part() {
	s.mu.Lock()
	parting := s.parting
	s.mu.Unlock()
	if parting == nil {
		return
	}
	said := make(chan struct{})
	go func() {
		parting()
		close(said)
	}()
	select {
	case <-said:
	case <-time.After(time.Second):
	}
}

// asking gives a question a context of its own, which a Ctrl-C ends. done must be called.
func (s *Signals) asking(ctx context.Context) (question context.Context, done func()) {
	if s == nil {
		return ctx, func() {}
	}
	question, cancel := context.WithCancel(ctx)
	s.mu.Lock()
	s.question = cancel
	s.mu.Unlock()
	return question, func() {
		s.mu.Lock()
		s.question = nil
		s.mu.Unlock()
		cancel()
	}
}

// underWay says from now on what an interruption does. keeps is what is kept, and how to go on.
func (a *app) underWay(ctx context.Context, keeps string) (over func()) {
	a.keeps = keeps
	if a.leash != nil {
		return func() {} // the process that holds the leash says so
	}
	log := a.log
	stop := context.AfterFunc(ctx, func() {
		log.Warn("stopping: what is in flight is finished first; a second Ctrl-C or signal stops at once")
	})
	if s := a.env.Signals; s != nil {
		s.mu.Lock()
		s.parting = func() { a.sayParting(log.Error) }
		s.mu.Unlock()
	}
	return func() {
		stop()
		if s := a.env.Signals; s != nil {
			s.mu.Lock()
			s.parting = nil
			s.mu.Unlock()
		}
	}
}

// sayParting says that the process ends at once.
func (a *app) sayParting(jsonLine func(msg string, args ...any)) {
	text := "stopped at once; the files are whole, and what was in flight is found out by the next run"
	if a.logJSON {
		jsonLine(text, "exit_code", exitInterrupted)
		return
	}
	if s, ok := a.env.Stderr.(*screen); ok {
		s.draw("")
	}
	fmt.Fprintf(a.env.Stderr, "magento-optiply: %s\n", text)
}

// orInterrupted gives an error that an interruption has brought its exit code, and says what is kept and how to go on. Other
// errors stay what they are, also when they come after it.
func (a *app) orInterrupted(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	switch {
	case err == nil || cause == nil || errors.Is(cause, errDeadline):
		return err
	case errors.Is(err, context.Canceled), errors.Is(err, cause), strings.Contains(err.Error(), "INTERRUPT Error"):
		return &exitError{code: exitInterrupted, err: a.interrupted(cause)}
	}
	return err
}

// interrupted says what was, why where it was not a person, and what is kept.
func (a *app) interrupted(cause error) error {
	text := "interrupted"
	if errors.Is(cause, errLeashEnded) || errors.Is(cause, errLeaseEnded) {
		text += ", because " + cause.Error()
	}
	if a.keeps != "" {
		text += "; " + a.keeps
	}
	return errors.New(text)
}

// What an interruption leaves, and how to go on.
const (
	keepsRun     = "what was read and sent is kept, and `run --resume` goes on with it"
	keepsDry     = "what was read is kept, and `run --dry-run --resume` goes on with it"
	keepsRead    = "what was read is kept, and `extract --resume` goes on with it"
	keepsNothing = "nothing had been read or sent yet, so there is nothing to go on with: the next run begins anew"
	keepsState   = "nothing was changed; the same command begins anew"
	keepsTables  = "the run keeps the tables that it had; the same command makes them again"
	keepsSent    = "what was sent is kept, and the same command sends the rest"
	keepsShops   = "each shop keeps what was read and sent, and --resume goes on with it"
)

// keepsOf is what an interruption of a command leaves.
func keepsOf(command string) string {
	switch command {
	case "run":
		return keepsRun
	case "extract":
		return keepsRead
	case "transform":
		return keepsTables
	case "load":
		return keepsSent
	}
	return keepsState
}
