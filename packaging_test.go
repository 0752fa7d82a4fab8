package main_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// These tests look at what is installed with the program: units, crontab, packages.

var debFile = flag.String("deb", "", "a deb made by `make deb`, to be unpacked and looked at (make test-deb)")

// contents is a file of a package.
type contents struct {
	Src, Dst, Type, Packager string
}

func readYAML(t *testing.T, path string, into any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		err = yaml.Unmarshal(data, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func TestPackaging_BothListsOfFilesAreTheSameAndTheirFilesAreThere(t *testing.T) {
	t.Parallel()
	var deb struct{ Contents []contents }
	var release struct {
		Nfpms []struct{ Contents []contents }
	}
	readYAML(t, "packaging/nfpm.yaml", &deb)
	readYAML(t, "packaging/goreleaser.yaml", &release)
	// GoReleaser adds the program itself.
	rest := slices.DeleteFunc(slices.Clone(deb.Contents), func(c contents) bool { return c.Dst == "/usr/bin/magento-optiply" })
	if len(rest) != len(deb.Contents)-1 || len(release.Nfpms) != 1 || !slices.Equal(rest, release.Nfpms[0].Contents) {
		t.Errorf("packaging/nfpm.yaml and packaging/goreleaser.yaml do not hold the same files:\n%v\n%v", rest, release.Nfpms)
	}
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range deb.Contents {
		switch {
		case c.Type == "dir":
		case strings.HasPrefix(c.Src, "bin/package/completion."):
			shell := strings.TrimPrefix(filepath.Ext(c.Src), ".")
			if !strings.Contains(string(makefile), "for shell in bash zsh fish;") || !slices.Contains([]string{"bash", "zsh", "fish"}, shell) {
				t.Errorf("`make package-files` does not make %s", c.Src)
			}
		case strings.HasPrefix(c.Src, "bin/"):
			if !strings.Contains(string(makefile), c.Src) {
				t.Errorf("`make package-files` does not make %s", c.Src)
			}
		case !exists(c.Src):
			t.Errorf("there is no file %s", c.Src)
		}
	}
}

// units are the units as they would be installed, with the program of these tests.
func units(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	var paths []string
	var deb struct{ Contents []contents }
	readYAML(t, "packaging/nfpm.yaml", &deb)
	for _, c := range deb.Contents {
		if !strings.HasPrefix(c.Dst, "/usr/lib/systemd/system/") {
			continue
		}
		name := filepath.Base(c.Dst)
		text, err := os.ReadFile(c.Src)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, strings.Replace(name, "@.", "@demo.", 1))
		text = []byte(strings.ReplaceAll(string(text), "/usr/bin/magento-optiply", binary))
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

func TestPackaging_SystemdTakesTheUnits(t *testing.T) {
	t.Parallel()
	need(t, "systemd-analyze")
	out, err := exec.Command("systemd-analyze", append([]string{"verify", "--man=no", "--recursive-errors=no"}, units(t)...)...).CombinedOutput()
	if err != nil || strings.Contains(string(out), "magento-optiply") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestPackaging_TheServiceRunsACommandThatThereIs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("packaging/systemd/magento-optiply@.service")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^ExecStart=/usr/bin/magento-optiply (.*)$`).FindStringSubmatch(string(text))
	if m == nil {
		t.Fatal("the service does not start magento-optiply")
	}
	s := newShop(t, "", "")
	args := strings.Fields(strings.ReplaceAll(m[1], "/etc/magento-optiply/%i.yaml", "magento-optiply.yaml"))
	s.must(3, append(args, "--fixtures", night(1))...) // 3 is a success of the service
	if !strings.Contains(string(text), "\nSuccessExitStatus=3\n") {
		t.Error("a night that left rows out would make the service fail")
	}
}

// Each part of a night has a timer as often as the crontab has it, and a service that is the night's but for what it runs.
func TestPackaging_EachPartOfANightHasATimerOfItsOwn(t *testing.T) {
	t.Parallel()
	night, err := os.ReadFile("packaging/systemd/magento-optiply@.service")
	if err != nil {
		t.Fatal(err)
	}
	part, err := os.ReadFile("packaging/systemd/magento-optiply-part@.service")
	if err != nil {
		t.Fatal(err)
	}
	settings := func(text string) (list []string) {
		for line := range strings.Lines(text) {
			if !strings.HasPrefix(line, "#") {
				list = append(list, line)
			}
		}
		return list
	}
	want := strings.NewReplacer("the night of %i", "%j of %i", "magento-optiply run ", "magento-optiply run --only %j ", "SuccessExitStatus=3", "SuccessExitStatus=3 4").Replace(string(night))
	if !slices.Equal(settings(string(part)), settings(want)) {
		t.Errorf("magento-optiply-part@.service is not as magento-optiply@.service but for what it runs:\n%s", part)
	}
	installed := strings.Join(units(t), "\n")
	for name, calendar := range map[string]string{"products": "*:00/30:00", "stocks": "*:10/30:00", "sell_orders": "*:20/30:00", "deletions": "*:55:00"} {
		timer, err := os.ReadFile("packaging/systemd/magento-optiply-" + name + "@.timer")
		if err != nil || !strings.Contains(string(timer), "OnCalendar=*-*-* "+calendar+"\n") {
			t.Errorf("%s: %v\n%s", name, err, timer)
		}
		for _, kind := range []string{"service", "timer"} {
			if !strings.Contains(installed, "magento-optiply-"+name+"@demo."+kind) {
				t.Errorf("no package has magento-optiply-%s@.%s", name, kind)
			}
		}
	}
}

func TestPackaging_TheCrontabHasTheREADMEsLinesAndTheyRun(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("packaging/crontab")
	if err != nil {
		t.Fatal(err)
	}
	var here, there []string
	job := regexp.MustCompile(`(?m)^([0-9*/,]+ [0-9*/,]+ [0-9*/,]+ [0-9*/,]+ [0-9*/,]+) +cd /srv/demo && magento-optiply (.*)$`)
	for _, m := range job.FindAllStringSubmatch(string(text), -1) {
		here = append(here, m[1]+" "+m[2])
	}
	for _, b := range blocksOf(t, "README.md") {
		if b.language == "crontab" {
			for _, m := range job.FindAllStringSubmatch(b.text, -1) {
				there = append(there, m[1]+" "+m[2])
			}
		}
	}
	if len(here) < 6 || !slices.Equal(here, there) {
		t.Errorf("packaging/crontab has\n%s\nand the README\n%s", strings.Join(here, "\n"), strings.Join(there, "\n"))
	}
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") && !job.MatchString(line) {
			t.Errorf("cron would not take the line %q", line)
		}
	}
}

func TestPackaging_TheDebHoldsAProgramThatRuns(t *testing.T) {
	if *debFile == "" {
		t.Skip("NOT TESTED: no deb was given; `make test-deb` builds one and looks at it")
	}
	need(t, "dpkg-deb")
	dir := t.TempDir()
	if out, err := exec.Command("dpkg-deb", "-x", *debFile, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	program := filepath.Join(dir, "usr/bin/magento-optiply")
	if out, err := exec.Command(program, "--version").CombinedOutput(); err != nil || !strings.Contains(string(out), "DuckDB v") {
		t.Errorf("%v\n%s", err, out)
	}
	for _, shell := range []struct{ program, file string }{
		{"bash", "usr/share/bash-completion/completions/magento-optiply"}, {"zsh", "usr/share/zsh/vendor-completions/_magento-optiply"},
		{"fish", "usr/share/fish/vendor_completions.d/magento-optiply.fish"},
	} {
		if _, err := exec.LookPath(shell.program); err != nil {
			t.Logf("NOT TESTED: this machine has no %s", shell.program)
			continue
		}
		if out, err := exec.Command(shell.program, "-n", filepath.Join(dir, shell.file)).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", shell.program, err, out)
		}
	}
	if out, err := exec.Command("man", "--warnings", "-l", filepath.Join(dir, "usr/share/man/man1/magento-optiply.1.gz")).CombinedOutput(); err != nil || !strings.Contains(string(out), "check") {
		t.Errorf("man: %v\n%s", err, out)
	}
	for _, script := range []string{"postinst", "postrm"} {
		out, err := exec.Command("sh", "-c", `dpkg-deb --ctrl-tarfile "$1" | tar -xO ./`+script+` | sh -n`, "sh", *debFile).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v\n%s", script, err, out)
		}
	}
}

func TestPackaging_TheManPageRenders(t *testing.T) {
	t.Parallel()
	need(t, "man")
	cmd := exec.Command("man", "--warnings", "-E", "UTF-8", "-l", "docs/magento-optiply.1")
	cmd.Env = append(os.Environ(), "MANWIDTH=80", "MANPAGER=cat")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	for _, words := range []string{"EXIT STATUS", "check [options]", "--from-hotglue"} {
		if !strings.Contains(string(out), words) {
			t.Errorf("the page does not say %q", words)
		}
	}
}
