package commands

import (
	"bytes"
	"io"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jedib0t/go-pretty/v6/text"
)

// outside is an Env whose stderr is kept, with the clock of the machine (or of a synctest bubble).
func outside(width int, terminal bool, variables ...string) (Env, *bytes.Buffer) {
	var stderr bytes.Buffer
	env := Env{Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: newScreen(&stderr), StderrTerminal: terminal, Width: width, Now: time.Now,
		LookupEnv: func(name string) (string, bool) {
			for _, v := range variables {
				if value, ok := strings.CutPrefix(v, name+"="); ok {
					return value, true
				}
			}
			return "", false
		}}
	return env, &stderr
}

// onScreen plays what was written on a terminal and returns the lines that stand there in the end.
func onScreen(written string) string {
	var lines []string
	line := ""
	written = regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(written, "")
	for _, part := range strings.SplitAfter(written, "\n") {
		// What was drawn before the line was erased is gone.
		if i := strings.LastIndex(part, eraseLine); i >= 0 {
			line, part = "", part[i+len(eraseLine):]
		}
		if done, ok := strings.CutSuffix(line+part, "\n"); ok {
			lines, line = append(lines, done), ""
		} else {
			line += part
		}
	}
	return strings.Join(append(lines, line), "\n")
}

func TestProgress_LeavesALineForEachStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, stderr := outside(80, true, "NO_COLOR=1")
		p := newProgress(env, "auto", slog.New(slog.DiscardHandler))
		p.Phase("extract")
		p.Begin("products", -1)
		p.Begin("products", 1213) // the first page says how many there are
		p.Begin("orders", -1)
		time.Sleep(2300 * time.Millisecond)
		p.Add("products", 1000)
		p.Add("products", 213)
		p.End("products")
		p.Add("orders", 7)
		time.Sleep(time.Second)
		p.End("orders")
		p.Close()
		p.Close()
		want := "extract\n  products                 1,213 rows  2.3 s\n  orders                       7 rows  3.3 s\n"
		if got := onScreen(stderr.String()); got != want {
			t.Errorf("on the screen:\n%s\nwant:\n%s", got, want)
		}
		if strings.Contains(stderr.String(), "\x1b[3") {
			t.Errorf("coloured, although NO_COLOR is set: %q", stderr)
		}
	})
}

func TestProgress_BarsFitTheTerminal(t *testing.T) {
	for _, width := range []int{20, 40, 60, 80, 200} {
		synctest.Test(t, func(t *testing.T) {
			env, stderr := outside(width, true)
			p := newProgress(env, "auto", slog.New(slog.DiscardHandler))
			p.Begin("sell_orders_of_a_long_name", 123456)
			p.Begin("products", 100)
			for range 120 { // more rows than were announced
				time.Sleep(50 * time.Millisecond)
				p.Add("products", 1)
				p.Add("sell_orders_of_a_long_name", 1)
			}
			p.End("products")
			time.Sleep(time.Second)
			p.Close()
			for _, frame := range strings.FieldsFunc(stderr.String(), func(r rune) bool { return r == '\r' || r == '\n' }) {
				if n := text.StringWidthWithoutEscSequences(frame); n >= width {
					t.Errorf("%d columns wide on a terminal of %d: %q", n, width, frame)
				}
			}
		})
	}
}

func TestProgress_ShowsWhatIsActive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, stderr := outside(80, true)
		p := newProgress(env, "auto", slog.New(slog.DiscardHandler))
		defer p.Close()
		p.Begin("orders", -1)
		p.Begin("products", 200)
		time.Sleep(2 * time.Second)
		p.Add("products", 100)
		time.Sleep(500 * time.Millisecond)
		synctest.Wait()
		want := "  products (+1 more)   100/200 rows  40/s  50% |=============>               |"
		if got := onScreen(stderr.String()); got != want {
			t.Errorf("on the screen:\n%q\nwant:\n%q", got, want)
		}
	})
}

func TestProgress_LogLinesDoNotGarbleTheBar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, stderr := outside(80, true)
		log := textLogger(env, slog.LevelInfo)
		p := newProgress(env, "auto", log)
		p.Begin("products", 10)
		log.Info("hello")
		if got := onScreen(stderr.String()); !strings.HasSuffix(got, "INF hello\n  products             0/10 rows  0% |"+strings.Repeat(" ", 38)+"|") {
			t.Errorf("the bar is not below the log line: %q", got)
		}
		p.Close()
		if got := onScreen(stderr.String()); !strings.HasSuffix(got, "INF hello\n") {
			t.Errorf("the bar stays after Close: %q", got)
		}
	})
}

func TestProgress_LogsALineNowAndThenWhereThereIsNoTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, stderr := outside(0, false)
		p := newProgress(env, "auto", textLogger(env, slog.LevelInfo))
		p.Phase("extract")
		p.Begin("products", 1000)
		for range 40 {
			time.Sleep(time.Second)
			p.Add("products", 10)
		}
		p.End("products")
		p.Close()
		got := regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d `).ReplaceAllString(stderr.String(), "")
		want := "INF phase phase=extract\n" +
			"INF progress stream=products rows=140 total=1000 rows_per_second=9 seconds=15\n" +
			"INF progress stream=products rows=290 total=1000 rows_per_second=10 seconds=30\n" +
			"INF stream done stream=products rows=400 total=1000 rows_per_second=10 seconds=40\n"
		// At second 15 both the ticker and Add are due, in either order.
		got = strings.NewReplacer("rows=150", "rows=140", "rows_per_second=10 seconds=15", "rows_per_second=9 seconds=15", "rows=300", "rows=290").Replace(got)
		if got != want {
			t.Errorf("logged:\n%s\nwant:\n%s", got, want)
		}
	})
}

func TestProgress_SaysNothingWhenItMustNot(t *testing.T) {
	for _, mode := range []string{"never"} {
		env, stderr := outside(80, true)
		p := newProgress(env, mode, textLogger(env, slog.LevelDebug))
		p.Phase("extract")
		p.Begin("products", 1)
		p.Add("products", 1)
		p.End("products")
		p.End("products")
		p.Add("nothing", 1)
		p.Close()
		if stderr.Len() > 0 {
			t.Errorf("--progress %s wrote %q", mode, stderr)
		}
	}
}

func TestProgress_JSONLogsGetLinesAndNoBars(t *testing.T) {
	env, stderr := outside(80, true)
	p := newProgress(env, "auto", slog.New(slog.NewJSONHandler(env.Stderr, nil)))
	p.Begin("products", 5)
	p.End("products")
	p.Close()
	if got := stderr.String(); !strings.Contains(got, `"stream":"products","rows":0,"total":5`) || strings.Contains(got, "\x1b") {
		t.Errorf("wrote %q", got)
	}
}

func TestProgress_TakesManyGoroutines(t *testing.T) {
	env, stderr := outside(80, true)
	log := textLogger(env, slog.LevelInfo)
	p := newProgress(env, "always", log)
	var all sync.WaitGroup
	for _, stream := range []string{"a", "b", "a", "c"} {
		all.Go(func() {
			p.Begin(stream, -1)
			for range 200 {
				p.Add(stream, 1)
			}
			log.Info("done", "stream", stream)
			p.End(stream)
		})
	}
	all.Wait()
	p.Close()
	if got := onScreen(stderr.String()); strings.Count(got, "INF done") != 4 || !strings.HasSuffix(got, "\n") {
		t.Errorf("on the screen: %q", got)
	}
}

func TestColour_OnlyOnATerminalThatWantsIt(t *testing.T) {
	for _, test := range []struct {
		terminal bool
		variable string
		want     bool
	}{{true, "", true}, {false, "", false}, {true, "NO_COLOR=1", false}, {true, "NO_COLOR=", true}, {true, "TERM=dumb", false}} {
		env, stderr := outside(80, test.terminal, test.variable)
		textLogger(env, slog.LevelInfo).Info("x")
		if got := strings.Contains(stderr.String(), "\x1b["); got != test.want {
			t.Errorf("terminal %v, %q: colour %v, want %v", test.terminal, test.variable, got, test.want)
		}
	}
}
