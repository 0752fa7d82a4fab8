package commands

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// onTerminal runs a command line on a terminal of 80 columns, with this PAGER.
func onTerminal(t *testing.T, pager string, args ...string) called {
	t.Helper()
	var stdout, stderr bytes.Buffer
	env := Env{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, StdoutTerminal: true, Width: 80, Now: time.Now,
		LookupEnv: func(name string) (string, bool) { return pager, name == "PAGER" }}
	code := Run(t.Context(), env, append([]string{"magento-optiply", "--log-level", "warn"}, args...))
	return called{code, stdout.String(), stderr.String()}
}

func TestPager_ShowsWhatIsLongOnATerminal(t *testing.T) {
	newShop(t)
	query := "SELECT range AS n FROM range(100)"
	plain := onTerminal(t, "cat", "sql", query)
	if plain.code != 0 || strings.Count(plain.stdout, "\n") != 102 {
		t.Fatalf("without a pager: %+v", plain)
	}
	for pager, want := range map[string]string{
		"sed s/^/paged:/": "paged:" + strings.ReplaceAll(strings.TrimSuffix(plain.stdout, "\n"), "\n", "\npaged:") + "\n",
		"head -n 1":       " n\n", // it is left before the end
		"":                plain.stdout,
		"true":            "",
	} {
		if got := onTerminal(t, pager, "sql", query); got.code != 0 || got.stdout != want || got.stderr != "" {
			t.Errorf("PAGER=%q: exit code %d, stdout %q, stderr %q", pager, got.code, got.stdout, got.stderr)
		}
	}
	if got := onTerminal(t, "no-such-pager", "sql", query); got.code != exitFailed || !strings.Contains(got.stderr, `the pager "no-such-pager" (PAGER) cannot be used`) {
		t.Errorf("a pager that is not there: %+v", got)
	}
	if got := onTerminal(t, "false", "sql", "SELEC 1"); got.code != exitUsage || got.stdout != "" {
		t.Errorf("an error went through the pager: %+v", got)
	}
	if got := onTerminal(t, "false", "sql", query, "--output", "rows.txt"); got.code != 0 || got.stdout != "" || !exists("rows.txt") {
		t.Errorf("--output went through the pager: %+v", got)
	}
}

func TestPager_AWideTableIsWholeWhereThePagerScrolls(t *testing.T) {
	newShop(t)
	dir := t.TempDir()
	less := "#!/bin/sh\necho \"less $*\"; cat\n"
	if err := os.WriteFile(filepath.Join(dir, "less"), []byte(less), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	wide, narrow := "SELECT repeat('x', 100) || 'end' AS a, 1 AS b", "SELECT 'end' AS a"
	for _, test := range []struct {
		pager, query, first string
		whole               bool
	}{
		{"less", wide, "less -SRX\n", true},
		{"less", narrow, "less -SFRX\n", true},
		{"less", narrow + "; " + wide, "less -SFRX\n", false}, // it is shown already
		{"less -S", wide, "less -S\n", false},
		{"cat -u", wide, "", false},
		{"cat", wide, "", false},
	} {
		got := onTerminal(t, test.pager, "sql", test.query)
		whole := strings.Contains(got.stdout, "xxend") || test.query == narrow
		if got.code != 0 || !strings.HasPrefix(got.stdout, test.first) || whole != test.whole {
			t.Errorf("PAGER=%s, %s: %+v", test.pager, test.query, got)
		}
	}
}

func TestPager_IsOffWhereStdoutIsNoTerminal(t *testing.T) {
	newShop(t)
	var stdout bytes.Buffer
	env := Env{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: io.Discard, Now: time.Now, LookupEnv: func(name string) (string, bool) { return "false", name == "PAGER" }}
	if code := Run(t.Context(), env, []string{"magento-optiply", "sql", "SELECT 1 AS a"}); code != 0 || stdout.String() != "a\n--\n1\n" {
		t.Errorf("exit code %d, stdout %q", code, stdout.String())
	}
}
