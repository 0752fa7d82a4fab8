package commands

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/text"
)

// add prints a shop's line when it has ended.
func (r *shopsReport) add(shop string, result childResult) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = append(r.ended, endedShop{shop, result})
	defer r.progress.Add(shopsStream, 1)
	r.Codes[strconv.Itoa(result.code)]++
	if s := result.summary; s != nil {
		r.Sent += s.total().Done
		r.LeftOut += s.leftOut()
	}
	switch {
	case !r.app.logJSON:
		fmt.Fprintln(r.app.env.Stderr, r.line(shop, result))
	case result.line != "":
		fmt.Fprintln(r.app.env.Stderr, result.line)
	default:
		fmt.Fprintln(r.app.env.Stderr, (&summary{Shop: shop, ExitCode: result.code, Error: result.said}).json())
	}
}

// line is one shop's, whole whatever the terminal's width: it may end in what went wrong.
func (r *shopsReport) line(shop string, result childResult) string {
	parts := []string{fmt.Sprintf("%-24s %s", shop, verdictOf(result.code))}
	if s := result.summary; s != nil {
		parts = append(parts, sentAndLeft(s))
	}
	if result.took > 0 {
		parts = append(parts, seconds(result.took))
	}
	line := strings.Join(parts, ", ")
	if result.code != exitDone {
		line += fmt.Sprintf(" (exit code %d)", result.code)
	}
	if result.said != "" {
		line += ": " + printable(strings.ReplaceAll(result.said, "\n", "; "))
	}
	return r.colour(result.code, line)
}

func sentAndLeft(s *summary) string {
	t := s.total()
	out := count(t.Done) + " sent"
	if s.DryRun {
		out = count(t.Planned) + " to send"
	}
	if n := s.leftOut(); n > 0 {
		out += ", " + count(n) + " left out"
	}
	return out
}

func (r *shopsReport) colour(code int, line string) string {
	if !colourful(r.app.env) || code == exitDone {
		return line
	}
	c := text.FgYellow
	if slices.Contains([]int{exitFailed, exitUsage, exitInterrupted}, code) {
		c = text.FgRed
	}
	return c.EscapeSeq() + line + text.Reset.EscapeSeq()
}

// verdictOf is an exit code in two or three words.
func verdictOf(code int) string {
	switch code {
	case exitDone:
		return "done"
	case exitUsage:
		return "wrong configuration"
	case exitIncomplete:
		return "done, rows left out"
	case exitLocked:
		return "another run holds it"
	case exitHeldBack:
		return "held back"
	case exitDeadline:
		return "stopped at the deadline"
	case exitInterrupted:
		return "interrupted"
	}
	return "failed"
}

// end prints the line for all, and returns the exit code of the worst.
func (r *shopsReport) end(ctx context.Context) error {
	r.ExitCode = exitDone
	for _, s := range r.ended {
		if gravity(s.code) < gravity(r.ExitCode) {
			r.ExitCode = s.code
		}
	}
	if ctx.Err() != nil {
		r.ExitCode = exitInterrupted
	}
	r.Seconds = float64(r.app.env.Now().Sub(r.start).Milliseconds()) / 1000
	if r.app.logJSON {
		data, err := json.Marshal(r)
		if err != nil {
			return err
		}
		fmt.Fprintln(r.app.env.Stderr, string(data))
	} else {
		fmt.Fprintln(r.app.env.Stderr, r.all())
	}
	if r.ExitCode == exitDone {
		return nil
	}
	return &exitError{code: r.ExitCode}
}

// all is the line for all shops: how many ended how, the gravest first, with the names of the few that are to be looked at.
func (r *shopsReport) all() string {
	byCode := map[int][]string{}
	for _, s := range r.ended {
		byCode[s.code] = append(byCode[s.code], s.name)
	}
	codes := []int{}
	for code := range byCode {
		codes = append(codes, code)
	}
	slices.SortFunc(codes, func(x, y int) int { return cmp.Or(cmp.Compare(gravity(x), gravity(y)), cmp.Compare(x, y)) })
	var parts []string
	for _, code := range codes {
		list := byCode[code]
		part := fmt.Sprintf("%d %s", len(list), verdictOf(code))
		if code != exitDone && code != exitIncomplete {
			slices.Sort(list)
			shown := list[:min(len(list), 5)]
			part += " (" + strings.Join(shown, ", ")
			if more := len(list) - len(shown); more > 0 {
				part += fmt.Sprintf(" and %d more", more)
			}
			part += ")"
		}
		parts = append(parts, part)
	}
	took := r.app.env.Now().Sub(r.start)
	line := fmt.Sprintf("%s in %s", plural(int64(r.Shops), "shop"), seconds(took))
	if len(parts) > 0 {
		line += ": " + strings.Join(parts, ", ")
	}
	return line + "; " + plural(r.Sent, "change") + " sent, " + plural(r.LeftOut, "row") + " left out"
}
