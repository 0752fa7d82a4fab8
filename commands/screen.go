package commands

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/jedib0t/go-pretty/v6/text"
)

// screen is stderr as log lines and the progress bar share it: whatever is written while a bar is drawn takes the bar's
// line, and the bar is drawn again below it. Env.Stderr is one, so that all talk goes through it.
type screen struct {
	out     io.Writer
	columns func() int // of the terminal, now; nil where it does not change

	mu      sync.Mutex
	bar     string // the bar as it stands; empty when there is none
	midLine bool   // what was written last did not end its line
}

// newScreen wraps a writer; a screen is returned as it is.
func newScreen(w io.Writer) *screen {
	if s, ok := w.(*screen); ok {
		return s
	}
	return &screen{out: w}
}

// eraseLine goes to the start of the line and clears it, on every terminal that knows ANSI codes.
const eraseLine = "\r\x1b[K"

// erase takes away the bar as it stands. A terminal that was made narrower shows it on several lines, as most break a line anew.
func (s *screen) erase() string {
	if s.columns == nil || s.bar == "" || s.midLine {
		return eraseLine
	}
	above := (text.StringWidthWithoutEscSequences(s.bar) - 1) / max(s.columns(), 1)
	if above <= 0 {
		return eraseLine
	}
	return fmt.Sprintf("\r\x1b[%dA\x1b[J", above)
}

// Write writes talk above the bar.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.bar == "" || len(p) == 0 {
		return s.out.Write(p)
	}
	if !s.midLine {
		if _, err := io.WriteString(s.out, s.erase()); err != nil {
			return 0, err
		}
	}
	n, err := s.out.Write(p)
	s.midLine = !bytes.HasSuffix(p, []byte("\n"))
	if err == nil && !s.midLine {
		_, err = io.WriteString(s.out, s.bar)
	}
	return n, err
}

// draw shows a bar, in place of the one there was. An empty one takes it away. Errors are left to what is written next:
// a bar is worth no failure.
func (s *screen) draw(bar string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if bar == s.bar || s.midLine && bar != "" {
		return
	}
	// One write a frame, so that no half of one is seen.
	_, _ = io.WriteString(s.out, s.erase()+bar)
	s.bar, s.midLine = bar, false
}
