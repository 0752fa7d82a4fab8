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
		p.Phase("settle") // nothing to see, so no line
		p.Phase("extract")
		for range 12 {
			p.asked.count(false)
		}
		p.asked.count(true)
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
		p.Phase("load")
		time.Sleep(time.Second)
		p.asked.count(false)
		p.Finish()
		p.Phase("interrupted") // it does not finish, so no line
		time.Sleep(time.Second)
		p.Close()
		p.Close()
		want := "  products                 1,213 rows  2.3 s\n  orders                       7 rows  3.3 s\n" +
			"extract                    1,220 rows  3.3 s     13 requests  1 retry\n" +
			"load                           0 rows  1.0 s     1 request\n"
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
		want := "  products  (+1 more)  100/200 rows  40/s  3s left  50% |========>          |"
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
		if got := onScreen(stderr.String()); !strings.HasSuffix(got, "INF hello\n  products  0/10 rows  0% |"+strings.Repeat(" ", 40)+"|") {
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
		time.Sleep(500 * time.Millisecond) // so that no row comes with a line
		for range 40 {
			time.Sleep(time.Second)
			p.Add("products", 10)
		}
		p.End("products")
		p.Phase("load")
		p.asked.count(true)
		time.Sleep(6 * time.Second)
		synctest.Wait()
		p.Close()
		got := regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d `).ReplaceAllString(stderr.String(), "")
		want := "INF phase phase=extract\n" +
			"INF progress phase=extract stream=products rows=140 total=1000 rows_per_second=9 seconds_left=LEFT requests=0 retries=0 seconds=15\n" +
			"INF progress phase=extract stream=products rows=290 total=1000 rows_per_second=10 seconds_left=LEFT requests=0 retries=0 seconds=30\n" +
			"INF stream done phase=extract stream=products rows=400 total=1000 rows_per_second=10 seconds_left=LEFT requests=0 retries=0 seconds=40.5\n" +
			"INF phase done phase=extract rows=400 requests=0 retries=0 seconds=40.5\n" +
			// A phase without a stream shows that it goes on, too.
			"INF phase phase=load\n" +
			"INF progress phase=load requests=1 retries=1 seconds=4.5\n"
		got = regexp.MustCompile("seconds_left=[0-9]+").ReplaceAllString(got, "seconds_left=LEFT")
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

func TestProgress_TheLivelyLineKeepsWhatMattersInLittleRoom(t *testing.T) {
	for width, want := range map[int]string{
		100: "  extract: products  (+1 more)  1,000/9,000 rows  100/s  87 requests  2 retries  1m 20s left",
		80:  "  products  1,000/9,000 rows  100/s  87 requests  2 retries  1m 20s left",
		60:  "  products  1,000/9,000 rows  100/s  1m 20s left",
		40:  "  products  1,000/9,000 rows",
		20:  "  products",
	} {
		synctest.Test(t, func(t *testing.T) {
			env, stderr := outside(width, true)
			p := newProgress(env, "auto", slog.New(slog.DiscardHandler))
			defer p.Close()
			p.Phase("extract")
			for range 85 {
				p.asked.count(false)
			}
			p.asked.count(true)
			p.asked.count(true)
			p.Begin("orders", -1)
			p.Begin("products", 9000)
			time.Sleep(9950 * time.Millisecond)
			p.Add("products", 1000)
			time.Sleep(60 * time.Millisecond)
			synctest.Wait()
			if got := onScreen(stderr.String()); got != want {
				t.Errorf("%d columns:\n%q\nwant:\n%q", width, got, want)
			}
		})
	}
}

func TestProgress_APhaseWithoutAStreamIsLivelyToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env, stderr := outside(60, true)
		p := newProgress(env, "auto", slog.New(slog.DiscardHandler))
		defer p.Close()
		p.Phase("load")
		time.Sleep(65*time.Second + 10*time.Millisecond)
		synctest.Wait()
		if got := onScreen(stderr.String()); !strings.HasPrefix(got, "  load  1m 5s  ") {
			t.Errorf("on the screen: %q", got)
		}
	})
}

func TestProgress_FollowsTheWidthOfTheTerminal(t *testing.T) {
	width := 80
	env, stderr := outside(0, true)
	env.Resized = func() int { return width }
	s := newScreen(env.Stderr)
	s.columns = env.columns
	p := newProgress(env, "always", slog.New(slog.DiscardHandler))
	p.Begin("products", 9000)
	drawn := text.StringWidth(onScreen(stderr.String()))
	if drawn < 60 || drawn >= 80 {
		t.Errorf("%d columns wide on a terminal of 80", drawn)
	}
	stderr.Reset()
	width = 30 // the terminal breaks what stands there into three lines
	p.Begin("orders", 10)
	p.Close()
	if got := stderr.String(); !strings.HasPrefix(got, "\r\x1b[2A\x1b[J  orders") {
		t.Errorf("the lines that the terminal made of the old one are not taken away: %q", got)
	}
}
