package main_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"

	"magento-optiply/magento/magentotest"
)

// onTerminal runs the program on a terminal of some columns, and returns all that it wrote there. meanwhile is called while it runs.
func (s shopDir) onTerminal(columns uint16, variables []string, meanwhile func(terminal *os.File, cmd *exec.Cmd, shown *spoken), args ...string) (code int, written string) {
	s.t.Helper()
	cmd := exec.Command(binary, args...)
	cmd.Dir, cmd.Env = s.dir, append(append(os.Environ(), "TERM=xterm"), variables...)
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 30, Cols: columns})
	if err != nil {
		s.t.Fatal(err)
	}
	limit := time.AfterFunc(2*time.Minute, func() { _ = cmd.Process.Kill() }) // one that hangs
	defer limit.Stop()
	shown, all := &spoken{}, make(chan struct{})
	go func() {
		defer close(all)
		buffer := make([]byte, 4096)
		for {
			n, err := terminal.Read(buffer) // it ends with an error, as a terminal does
			_, _ = shown.Write(buffer[:n])
			if err != nil {
				return
			}
		}
	}()
	if meanwhile != nil {
		meanwhile(terminal, cmd, shown)
	}
	_ = cmd.Wait() // the exit code tells
	<-all
	_ = terminal.Close()
	return cmd.ProcessState.ExitCode(), shown.String()
}

func TestTerminal_TheLivelyLineFitsAlsoWhereItIsMadeNarrower(t *testing.T) {
	t.Parallel()
	server, url := served(t)
	server.AddFault(magentotest.Fault{Name: "slow", Prefix: "/V1/products", Times: 10_000, Delay: 500 * time.Millisecond})
	s := newShop(t, "", "store_url: "+url+"\naccess_token: demo-token\npage_size: 10\nconcurrency: 1")
	code, written := s.onTerminal(80, []string{"NO_COLOR="}, func(terminal *os.File, _ *exec.Cmd, shown *spoken) {
		patiently(t, func() bool { return strings.Contains(shown.String(), "products  10/") })
		if err := pty.Setsize(terminal, &pty.Winsize{Rows: 30, Cols: 40}); err != nil {
			t.Error(err)
		}
	}, "run")
	if code != 3 || !strings.Contains(written, "requests") || !strings.Contains(written, " left") || !strings.Contains(written, "\x1b[1m") {
		t.Errorf("exit code %d, on the terminal:\n%s", code, written)
	}
	// From some frame on all fit into 40 columns: what is drawn again and again begins behind the code that erases the line.
	frames := regexp.MustCompile(`\x1b\[[KJ]([^\r\n\x1b]*)`).FindAllStringSubmatch(written, -1)
	narrow := false
	for _, f := range frames {
		wide := len(f[1]) >= 40
		if narrow && wide {
			t.Errorf("%d columns wide after a narrower line, on a terminal of 40: %q", len(f[1]), f[1])
		}
		narrow = narrow || strings.Contains(f[1], "load") || strings.Contains(f[1], "create")
	}
	if !narrow || len(frames) < 10 {
		t.Errorf("%d frames, none of the load", len(frames))
	}
}

func TestTerminal_NoColourWhereNobodyWantsIt(t *testing.T) {
	t.Parallel()
	s := newShop(t, "", "")
	code, written := s.onTerminal(80, []string{"NO_COLOR=1"}, nil, "run", "--fixtures", night(1))
	if code != 3 || regexp.MustCompile(`\x1b\[[0-9;]*m`).MatchString(written) || !strings.Contains(written, "\x1b[K") {
		t.Errorf("exit code %d, on the terminal:\n%q", code, written)
	}
	r := s.must(0, "run", "--fixtures", night(1), "--progress", "always", "--full")
	if !strings.Contains(r.stderr, "\x1b[K") || regexp.MustCompile(`\x1b\[[0-9;]*m`).MatchString(r.stderr) {
		t.Errorf("--progress always into a pipe draws nothing, or in colour:\n%q", r.stderr)
	}
}

func TestTerminal_CtrlCEndsAQuestionAndThePromptGoesOn(t *testing.T) {
	t.Parallel()
	long(t)
	s := newShop(t, "", "")
	s.must(3, "run", "--fixtures", night(1))
	code, written := s.onTerminal(80, nil, func(terminal *os.File, cmd *exec.Cmd, shown *spoken) {
		enter := func(text string) { _, _ = terminal.WriteString(text + "\r") }
		patiently(t, func() bool { return strings.Contains(shown.String(), "sql> ") })
		enter("SELECT 25 * 37 AS begun; SELECT count(*) FROM range(1000000000) a, range(1000000000) b WHERE a.range * 7 + b.range < 0;")
		patiently(t, func() bool { return strings.Contains(shown.String(), "925") }) // the first is answered, and the second begun
		_ = cmd.Process.Signal(syscall.SIGINT)
		patiently(t, func() bool { return strings.Contains(shown.String(), "interrupted") })
		enter("SELECT 6 * 7 AS answer;")
		patiently(t, func() bool { return strings.Contains(shown.String(), "42") })
		enter(".quit")
	}, "sql")
	if code != 0 {
		t.Errorf("exit code %d\n%s", code, written)
	}
}
