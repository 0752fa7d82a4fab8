package commands

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
)

// errDeadline is why the work of a command ends at its deadline.
var errDeadline = errors.New("the deadline has come")

// deadlineFlag is --deadline of run and load.
func deadlineFlag(text *string) cli.Flag {
	return &cli.StringFlag{Name: "deadline", Destination: text,
		Usage: "stop at this `TIME` (exit code 6), and send stock and orders first when it is near: 06:00 is the next such time here, 90m so long from now, or 2026-11-24T06:00:00Z"}
}

var timeOfDay = regexp.MustCompile(`^([0-9]{1,2}):([0-9]{2})$`)

// parseDeadline reads --deadline: a time of the day, the next there is in the zone of now; a duration from now on; or an instant.
// The zero time means none. An instant may be over: then nothing is begun.
func parseDeadline(text string, now time.Time) (time.Time, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return time.Time{}, nil
	}
	if m := timeOfDay.FindStringSubmatch(text); m != nil {
		hour, _ := strconv.Atoi(m[1])
		minute, _ := strconv.Atoi(m[2])
		if hour < 24 && minute < 60 {
			return nextTimeOfDay(hour, minute, now), nil
		}
	}
	if d, err := time.ParseDuration(text); err == nil && d > 0 {
		return now.Add(d), nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	return time.Time{}, usageError(fmt.Errorf("--deadline %s: it is a time of the day such as 06:00, a duration such as 90m, or an instant such as 2026-11-24T06:00:00Z", text))
}

// nextTimeOfDay is the next time that a clock on the wall there shows. Where summer time ends it can show a time twice on
// one day; where it begins there may be none, and the time an hour later is meant.
func nextTimeOfDay(hour, minute int, now time.Time) time.Time {
	for days := 0; ; days++ {
		at := time.Date(now.Year(), now.Month(), now.Day()+days, hour, minute, 0, 0, now.Location())
		shown := at.Hour() == hour && at.Minute() == minute
		for _, shift := range []time.Duration{-time.Hour, 0, time.Hour} {
			other := at.Add(shift)
			if other.After(now) && (other.Hour() == hour && other.Minute() == minute || !shown && shift == 0) {
				return other
			}
		}
	}
}

// deadlineFrom reads --deadline, as this command's clock has it.
func (a *app) deadlineFrom(text string) (time.Time, error) { return parseDeadline(text, a.env.Now()) }

// until gives a context that ends at a deadline, and has the night say so.
func (n *night) until(ctx context.Context, deadline time.Time) context.Context {
	if deadline.IsZero() {
		return ctx
	}
	n.deadline = deadline
	n.summary.Deadline = deadline.Format(time.RFC3339)
	ctx, cancel := context.WithTimeoutCause(ctx, deadline.Sub(n.app.env.Now()), errDeadline)
	n.stop = append(n.stop, cancel)
	return ctx
}

// stopped gives an error that the deadline has brought its exit code. Other errors stay what they are, also when they come after it.
func (n *night) stopped(ctx context.Context, err error) error {
	var exit *exitError
	if err == nil || errors.As(err, &exit) || !errors.Is(context.Cause(ctx), errDeadline) {
		return err
	}
	if !errors.Is(err, errDeadline) && !errors.Is(err, context.DeadlineExceeded) && !strings.Contains(err.Error(), "INTERRUPT Error") {
		return err
	}
	return &exitError{code: exitDeadline, err: fmt.Errorf("stopped at the deadline, %s; what was read and sent is kept, and the next run does the rest, or `run --resume`",
		n.deadline.Format("2006-01-02 15:04:05 MST"))}
}
