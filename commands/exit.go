package commands

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"syscall"

	"magento-optiply/extract"
	"magento-optiply/store"
)

// The exit codes of section 4. The README has the same table.
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitIncomplete  = 3 // done, but some rows were rejected, quarantined, dropped or held
	exitLocked      = 4
	exitHeldBack    = 5
	exitDeadline    = 6
	exitInterrupted = 130
)

// exitError is an error with its exit code. A nil err says nothing more: the summary has said it.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string {
	if e.err == nil {
		return fmt.Sprintf("exit code %d", e.code)
	}
	return e.err.Error()
}

func (e *exitError) Unwrap() error { return e.err }

func usageError(err error) error { return &exitError{code: exitUsage, err: err} }

// exitCode is the one place where an error becomes a code.
func exitCode(err error) int {
	var exit *exitError
	var locked *store.LockedError
	var usage *extract.UsageError
	var noRun *store.NotFoundError
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &exit):
		return exit.code
	case errors.As(err, &locked):
		return exitLocked
	case errors.As(err, &usage), errors.As(err, &noRun), errors.Is(err, store.ErrNoRun):
		return exitUsage
	}
	return exitFailed
}

// report prints an error as one sentence and returns its exit code.
func (a *app) report(err error) int {
	code := exitCode(err)
	var exit *exitError
	if err == nil || errors.As(err, &exit) && exit.err == nil {
		return code
	}
	if a.logJSON {
		a.log.Error(sentence(err), "exit_code", code)
	} else {
		fmt.Fprintf(a.env.Stderr, "magento-optiply: %s\n", sentence(err))
	}
	return code
}

// fullDisk finds the file that DuckDB or the system could not write.
var fullDisk = regexp.MustCompile(`(?:file |write )"?([^":]+)"?: (?:No space left|no space left)`)

// isFull tells whether an error is a full disk.
func isFull(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || strings.Contains(err.Error(), "No space left on device")
}

// sentence is what a person is told of an error: DuckDB's stack traces are left out, and a full disk, which comes in many
// wordings, is said in one.
func sentence(err error) string {
	text := err.Error()
	if isFull(err) {
		where := ""
		if m := fullDisk.FindStringSubmatch(text); m != nil {
			where = " (" + m[1] + ")"
		}
		return "the disk is full" + where + ": nothing that was acknowledged is lost. Free some space and run the same command again; `run` and `extract` go on with --resume"
	}
	text, _, _ = strings.Cut(text, "\n\nStack Trace:")
	return strings.TrimSpace(text)
}
