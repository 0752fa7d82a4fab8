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
