package commands

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"magento-optiply/transform"
)

// interrupt runs a command line that is interrupted when it asks for the time.
func interrupt(t *testing.T, args ...string) called {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stdout, stderr bytes.Buffer
	env := Env{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, LookupEnv: func(string) (string, bool) { return "", false }, Now: func() time.Time {
		cancel()
		return time.Now()
	}}
	code := Run(ctx, env, append([]string{"magento-optiply", "--log-level", "warn"}, args...))
	return called{code, stdout.String(), stderr.String()}
}

func TestReplay_OneThatIsInterruptedLeavesNothingBehindAndSpeaksOfNoRunToResume(t *testing.T) {
	newShop(t)
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	got := interrupt(t, "replay", latestRun)
	if got.code != exitInterrupted || !strings.Contains(got.stderr, "interrupted") || strings.Contains(got.stderr, "--resume") {
		t.Errorf("exit code %d: %s", got.code, got.stderr)
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestReplay_AFullDiskIsThatOfTheFolderForTemporaryFiles(t *testing.T) {
	t.Setenv("TMPDIR", "/somewhere/small")
	for _, err := range []error{
		fmt.Errorf("copy run %s: %w", latestRun, &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}),
		errors.New(`IO Error: Could not write file "x": No space left on device`),
	} {
		if says := sentence(noRoom(err)); !strings.Contains(says, "/somewhere/small") || !strings.Contains(says, "TMPDIR") || strings.Contains(says, "--resume") {
			t.Errorf("%v: %s", err, says)
		}
	}
	if err := errors.New("another"); noRoom(err) != err {
		t.Error("another error is taken for a full disk")
	}
}

func TestExplain_RowsThatDoNotFitBesideTheirFileStandBelowIt(t *testing.T) {
	var b bytes.Buffer
	link := transform.Link{File: "530_run_issues_withheld.sql", Output: "run.issues, more rows of phase transform"}
	printLink(&b, link, "0 rows in 0.00 s", 80)
	if want := "530_run_issues_withheld.sql  ->  run.issues, more rows of phase transform\n    0 rows in 0.00 s\n\n"; b.String() != want {
		t.Errorf("printed %q", b.String())
	}
	b.Reset()
	printLink(&b, link, "0 rows in 0.00 s", 100)
	if strings.Count(b.String(), "\n") != 2 {
		t.Errorf("printed %q", b.String())
	}
}
