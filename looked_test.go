package main_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// looked is a shop of three nights, made once for all tests that only look: night 1, night 2 with products that are gone, and
// night 2 again. Who changes something takes a copy.
var looked = sync.OnceValues(func() (shopDir, error) { return ranNights("looked", "", 1, 2, 2) })

// ranNights makes a shop beside the program, once for all tests, and runs nights in it.
func ranNights(name, sync string, nights ...int) (shopDir, error) {
	s := shopDir{dir: filepath.Join(filepath.Dir(binary), name)}
	text := "shop: demo\ndata_dir: ./data\nmagento:\n  retry_wait: 10ms\noptiply:\n  base_url: sandbox\n  requests_per_second: 0\nsync:\n" +
		indent("sync_product_deletions: true\n"+sync)
	err := errors.Join(os.MkdirAll(s.dir, 0o750), os.WriteFile(filepath.Join(s.dir, "magento-optiply.yaml"), []byte(text), 0o600))
	for i, n := range nights {
		if err != nil {
			break
		}
		cmd := exec.Command(binary, "run", "--fixtures", night(n))
		cmd.Dir = s.dir
		if out, rerr := cmd.CombinedOutput(); rerr != nil && cmd.ProcessState.ExitCode() != 3 {
			err = fmt.Errorf("night %d: %w\n%s", i+1, rerr, out)
		}
	}
	return s, err
}

// newLooked is that shop, to be looked at and not to be changed.
func newLooked(t *testing.T) shopDir {
	t.Helper()
	s, err := looked()
	if err != nil {
		t.Fatal(err)
	}
	return shopDir{t, s.dir}
}

// copyLooked is a copy of it, to be changed.
func copyLooked(t *testing.T) shopDir {
	t.Helper()
	s := newLooked(t)
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(s.dir)); err != nil {
		t.Fatal(err)
	}
	return shopDir{t, dir}
}

// runIDs are the ids of a shop's finished runs, oldest first.
func (s shopDir) runIDs() (ids []string) {
	s.t.Helper()
	files, err := filepath.Glob(filepath.Join(s.dir, "data", "demo", "runs", "*Z.duckdb"))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, f := range files {
		ids = append(ids, strings.TrimSuffix(filepath.Base(f), ".duckdb"))
	}
	return ids
}

// tells wants parts in a text, in this order. Runs of space count as one.
func tells(t *testing.T, text string, parts ...string) {
	t.Helper()
	space := regexp.MustCompile(`\s+`)
	rest := space.ReplaceAllString(text, " ")
	for _, part := range parts {
		_, after, ok := strings.Cut(rest, part)
		if !ok {
			t.Errorf("%q is not told, or not in its place, in:\n%s", part, text)
			return
		}
		rest = after
	}
}

// isPlain wants a text for a terminal of 80 columns and for a pipe: no line is wider, none ends in space, all is printable.
func isPlain(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if n := len([]rune(line)); n > 80 {
			t.Errorf("%d columns wide: %q", n, line)
		}
		if strings.TrimRight(line, " ") != line || strings.ContainsAny(line, "\x1b\t\r") {
			t.Errorf("ends in space, or has control characters: %q", line)
		}
	}
}

// TestDocs_CommandsThatLookRun runs every command of the pages about looking into nights, in a copy of the shop. The ids of the
// pages stand for those of its runs.
func TestDocs_CommandsThatLookRun(t *testing.T) {
	t.Parallel()
	s := copyLooked(t)
	target, err := filepath.Abs("commands")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, filepath.Join(s.dir, "commands")); err != nil {
		t.Fatal(err)
	}
	ids := s.runIDs()
	real := strings.NewReplacer("20261122T020000Z", ids[0], "20261123T020000Z", ids[1])
	for _, page := range []string{"why", "sql", "runs"} {
		data, err := os.ReadFile("docs/" + page + ".md")
		if err != nil {
			t.Fatal(err)
		}
		ran := 0
		for _, m := range regexp.MustCompile("(?ms)^```sh\n(.*?)^```$").FindAllStringSubmatch(string(data), -1) {
			for line := range strings.Lines(m[1]) {
				s.shell(real.Replace(strings.TrimSpace(line)))
				ran++
			}
		}
		if ran < 3 {
			t.Errorf("docs/%s.md shows %d commands; the test does not find them", page, ran)
		}
	}
}

func TestLooking_MakesNoFolder(t *testing.T) {
	t.Parallel()
	s := newShop(t, "", "")
	for _, args := range [][]string{{"runs"}, {"sql", "FROM run.issues"}, {"report"}, {"rejects"}, {"plan"}, {"record", "out"}} {
		if r := s.must(2, args...); !strings.Contains(r.stderr, "this shop has no run yet") {
			t.Errorf("%v: %s", args, r.stderr)
		}
	}
	s.must(0, "transform", "--explain")
	if _, err := os.Stat(filepath.Join(s.dir, "data")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a command that only looks has made data_dir: %v", err)
	}
}
