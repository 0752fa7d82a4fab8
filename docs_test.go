package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"magento-optiply/magento/magentotest"
	"magento-optiply/optiply/sandbox"
)

// follow does what a page says, from top to bottom: yaml goes into the configuration, and each block of sh is run as a
// script in which no command may fail. 3 is a success, because the recorded shop has rows that are left out. The run of the pages
// stands for the shop's newest; instead names other words, each before what is put in its place.
func (s shopDir) follow(page string, instead ...string) (output string) {
	s.t.Helper()
	wrapper := "#!/bin/sh\n\"" + binary + "\" \"$@\" || { code=$?; [ $code -eq 3 ] || exit $code; }\n"
	bin := s.t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "magento-optiply"), []byte(wrapper), 0o755); err != nil {
		s.t.Fatal(err)
	}
	var all strings.Builder
	for _, b := range blocksOf(s.t, page) {
		switch b.language {
		case "yaml":
			s.configure(b.text)
		case "sh":
			if ids := s.runIDs(); len(ids) > 0 {
				instead = append(slices.Clone(instead), "20261123T020000Z", ids[len(ids)-1])
			}
			cmd := exec.Command("sh", "-e", "-c", strings.NewReplacer(instead...).Replace(b.text))
			cmd.Dir = s.dir
			cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
			out, err := cmd.CombinedOutput()
			all.Write(out)
			if err != nil {
				s.t.Fatalf("%s: %v\n%s\n%s", page, err, b.text, out)
			}
		}
	}
	return all.String()
}

// configure puts the settings of a fragment over those of the shop's configuration.
func (s shopDir) configure(fragment string) {
	s.t.Helper()
	path := filepath.Join(s.dir, "magento-optiply.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		s.t.Fatal(err)
	}
	var have, more map[string]any
	if err := yaml.Unmarshal(text, &have); err != nil {
		s.t.Fatal(err)
	}
	if err := yaml.Unmarshal([]byte(fragment), &more); err != nil {
		s.t.Fatalf("%s\n%v", fragment, err)
	}
	for name, value := range more {
		section, ok := have[name].(map[string]any)
		if !ok {
			have[name] = value
			continue
		}
		for key, v := range value.(map[string]any) {
			section[key] = v
		}
	}
	if text, err = yaml.Marshal(have); err != nil {
		s.t.Fatal(err)
	}
	s.write("magento-optiply.yaml", string(text))
}

func TestDocs_ChangeAMappingFromIdeaToNight(t *testing.T) {
	long(t)
	s := newServedShop(t, "", magentotest.Options{})
	s.must(3, "run")
	out := s.follow("docs/change-a-mapping.md")
	for _, want := range []string{"225_model_extra_attributes.sql  ->  model.extra_attributes", "eanCode", "only in the replay", "8712345678901"} {
		if !strings.Contains(out, want) {
			t.Errorf("the page's commands never say %q:\n%s", want, out)
		}
	}
	box, err := sandbox.Open(sandbox.Options{Dir: filepath.Join(s.dir, "data", "demo", "sandbox")})
	if err != nil {
		t.Fatal(err)
	}
	eans := map[string]int{}
	for _, p := range box.Products() {
		eans[text(p.Attributes["eanCode"])]++
	}
	if err := box.Close(); err != nil || eans["8712345678901"] != 1 {
		t.Errorf("EANs at Optiply: %v, %v", eans, err)
	}
	// The night is over: there is nothing left to send, and a replay agrees.
	s.must(0, "run")
	if out := s.must(0, "replay").stdout; !strings.Contains(out, "The plan is the same, byte for byte.") {
		t.Errorf("replay of the night that was run with it:\n%s", out)
	}
	// A recording brings the rule along.
	set := filepath.Join(t.TempDir(), "night")
	s.must(0, "record", set)
	if _, err := os.Stat(filepath.Join(set, "sql", "225_model_extra_attributes.sql")); err != nil {
		t.Error(err)
	}
	again := shopDir{t, t.TempDir()}
	again.must(0, "run", "--dry-run", "--fixtures", set)
	same := func(s shopDir) string {
		return s.must(0, "sql", "--format", "csv", "SELECT hash FROM plan.summary").stdout
	}
	if a, b := same(s.shopDir), same(again); a != b {
		t.Errorf("the plan of the night %s, of its recording %s", a, b)
	}
}

func TestDocs_Check(t *testing.T) {
	t.Parallel()
	s := newServedShop(t, "", magentotest.Options{})
	s.linked("fixtures")
	s.follow("docs/check.md")
}

func TestDocs_Init(t *testing.T) {
	t.Parallel()
	s := shopDir{t, t.TempDir()}
	s.write("config.json", tapConfig)
	s.write("tenant-config.json", tenantConfig)
	if out := s.follow("docs/init.md"); !strings.Contains(out, "old.yaml is written") {
		t.Errorf("the last command did not write old.yaml:\n%s", out)
	}
}

func TestDocs_Install(t *testing.T) {
	t.Parallel()
	s := shopDir{t, t.TempDir()}
	s.follow("docs/install.md")
}

// linked gives the shop's folder a folder of the repository.
func (s shopDir) linked(name string) {
	s.t.Helper()
	target, err := filepath.Abs(name)
	if err == nil {
		err = os.Symlink(target, filepath.Join(s.dir, name))
	}
	if err != nil {
		s.t.Fatal(err)
	}
}
