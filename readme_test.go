package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"magento-optiply/magento/magentotest"
)

// block is a fenced block of a document.
type block struct{ language, text string }

// blocksOf are the fenced blocks of a document.
func blocksOf(t *testing.T, document string) []block {
	t.Helper()
	data, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	var blocks []block
	for _, m := range regexp.MustCompile("(?ms)^```([a-z]+)\n(.*?)^```$").FindAllStringSubmatch(string(data), -1) {
		blocks = append(blocks, block{m[1], m[2]})
	}
	return blocks
}

// TestREADME_EveryCommandRuns runs every command that the README shows, in its order, in one folder: as somebody would who
// reads it from top to bottom. The commands that build and test the program itself are the ones this test runs under.
func TestREADME_EveryCommandRuns(t *testing.T) {
	long(t)
	own := map[string]bool{"go test ./...": true, "go build -o magento-optiply .": true}
	s := newShop(t, "", "")
	for _, name := range []string{"fixtures", "transform"} {
		target, err := filepath.Abs(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(target, filepath.Join(s.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	shop, err := magentotest.Load(os.DirFS("fixtures/demo/night-1"))
	if err != nil {
		t.Fatal(err)
	}
	server := magentotest.New(shop, magentotest.Options{})
	url, err := server.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	s.write("magento-optiply.yaml", "shop: demo\ndata_dir: ./data\nmagento:\n  store_url: "+url+"\n  access_token: demo-token\n"+
		"optiply:\n  base_url: sandbox\n  requests_per_second: 0\n")
	shops{s}.add("alpha", url)
	ran := 0
	for _, b := range blocksOf(t, "README.md") {
		if b.language != "sh" && b.language != "crontab" {
			continue
		}
		for _, line := range strings.Split(strings.TrimSpace(b.text), "\n") {
			if strings.HasPrefix(line, "#") || own[line] {
				continue
			}
			command := line
			if b.language == "crontab" {
				_, after, ok := strings.Cut(line, " cd /srv/demo && ")
				if !ok {
					t.Errorf("README: the cron line %q does not begin with cd /srv/demo", line)
				}
				command = after
			}
			s.shell(strings.ReplaceAll(command, "go run . ", "magento-optiply "))
			ran++
		}
	}
	if ran < 15 {
		t.Errorf("the README shows %d commands; the test does not find its blocks", ran)
	}
}

// shell runs a line of the README as a shell does. 3 is a success too: the recorded shop has rows that are left out.
func (s shopDir) shell(line string) {
	s.t.Helper()
	cmd := exec.Command("sh", "-c", line)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if code := cmd.ProcessState.ExitCode(); err != nil && code != 3 {
		s.t.Errorf("README: %s: exit code %d\n%s", line, code, out)
	}
}
