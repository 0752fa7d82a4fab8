package commands

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"magento-optiply/store"
)

// TestHolder is no test but the other process of the test below: it holds a run and the state open for writing, as a run that
// is going on does, until its stdin ends.
func TestHolder(t *testing.T) {
	dir := os.Getenv("HOLD_RUN_IN")
	if dir == "" {
		t.Skip("it is started by TestSQL_AnswersWhileARunIsGoingOn")
	}
	t.Chdir(dir)
	shop, err := store.Open("data", "demo")
	if err != nil {
		t.Fatal(err)
	}
	run, err := shop.OpenRun(t.Context(), store.RunRef{ID: latestRun}, store.Options{Run: store.Write, State: store.Write})
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	if err := run.PublishState(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stderr.WriteString("held\n"); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// hold starts the holder and waits until it has the files.
func hold(t *testing.T) {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^TestHolder$")
	cmd.Env = append(os.Environ(), "HOLD_RUN_IN="+dir)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	if line, err := bufio.NewReader(stderr).ReadString('\n'); err != nil || line != "held\n" {
		t.Fatalf("the holder says %q, %v", line, err)
	}
}

func TestSQL_AnswersWhileARunIsGoingOn(t *testing.T) {
	newShop(t)
	hold(t)
	got := call(t, 0, "", "--log-level", "info", "sql", "SELECT run_id, (SELECT count(*) FROM state.ledger) AS n FROM run.info", "--format", "csv")
	if got.code != 0 || got.stdout != "run_id,n\n"+knownRun+",5\n" {
		t.Errorf("the latest run that opens: %+v", got)
	}
	for _, part := range []string{"open in another process", "latest run", "the copy that it published"} {
		if !strings.Contains(got.stderr, part) {
			t.Errorf("stderr does not say %q: %s", part, got.stderr)
		}
	}
	got = call(t, 0, "", "sql", "--run", latestRun, "SELECT 1")
	if got.code == 0 || !strings.Contains(got.stderr, latestRun) || !regexp.MustCompile(`is open in process \d+ \(a run in progress, or a `+"`sql` prompt"+`\): wait for it to end`).MatchString(got.stderr) {
		t.Errorf("a run that was asked for: %+v", got)
	}
	if got := call(t, 0, "", "runs"); got.code != 0 || !strings.Contains(got.stdout, latestRun) {
		t.Errorf("runs: %+v", got)
	}
}
