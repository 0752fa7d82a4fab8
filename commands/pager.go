package commands

import (
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
)

// defaultPager shows what fits on a screen as it is, does not wrap lines, and leaves the text on the screen.
const defaultPager = "less -SFRX"

// widePager is defaultPager for lines that are wider than the screen: -F would end it at once and leave them cut.
const widePager = "less -SRX"

// pager is the command that shows long output on a terminal: $PAGER, or less where it is there. less alone, as many have it in PAGER, is
// less as we call it, unless LESS says how it is wanted. Empty where there is none: stdout
// is no terminal, PAGER is empty or cat.
func (a *app) pager() string {
	if !a.env.StdoutTerminal {
		return ""
	}
	if command, ok := a.env.LookupEnv("PAGER"); ok {
		if command = strings.TrimSpace(command); command == "cat" {
			return ""
		}
		if _, own := a.env.LookupEnv("LESS"); command == "less" && !own {
			return defaultPager
		}
		return command
	}
	if _, err := exec.LookPath("less"); err != nil {
		return ""
	}
	return defaultPager
}

// openPager is stdout, through the pager where there is one. The pager is started at the first byte, so that an error is not shown
// through it. close waits until the person has left it.
func (a *app) openPager() *pagedOutput {
	return &pagedOutput{command: a.pager(), env: a.env}
}

type pagedOutput struct {
	command string
	env     Env
	process *exec.Cmd
	into    io.WriteCloser
}

// widen makes ready for lines that are wider than the screen. It is false where they would be broken, since the pager is another one, or
// is shown already.
func (p *pagedOutput) widen() bool {
	if p.process == nil && p.command == defaultPager {
		p.command = widePager
	}
	return p.command == widePager
}

func (p *pagedOutput) Write(b []byte) (int, error) {
	if p.command == "" {
		return p.env.Stdout.Write(b)
	}
	if p.process == nil {
		process := exec.Command("sh", "-c", p.command)
		process.Stdout, process.Stderr = p.env.Stdout, p.env.Stderr
		into, err := process.StdinPipe()
		if err == nil {
			err = process.Start()
		}
		if err != nil {
			p.command = "" // then without it
			return p.env.Stdout.Write(b)
		}
		p.process, p.into = process, into
	}
	n, err := p.into.Write(b)
	if errors.Is(err, syscall.EPIPE) {
		err = errPagerLeft
	}
	return n, err
}

// errPagerLeft means that the person left the pager before the end.
var errPagerLeft = errors.New("the pager was left")

// close ends the output. err is how the writing ended; leaving the pager early is no error.
func (p *pagedOutput) close(err error) error {
	if errors.Is(err, errPagerLeft) {
		err = nil
	}
	if p.process == nil {
		return err
	}
	_ = p.into.Close()
	if werr := p.process.Wait(); werr != nil && err == nil {
		var exit *exec.ExitError
		if !errors.As(werr, &exit) || exit.ExitCode() == 127 || exit.ExitCode() == 126 {
			err = fmt.Errorf("the pager %q (PAGER) cannot be used: %w", p.command, werr)
		}
	}
	return err
}
