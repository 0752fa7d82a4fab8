package config_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"magento-optiply/config"
)

// testdata/design.yaml is the configuration in section 5 of DESIGN.md, verbatim:
// the names and defaults that programs outside this repository rely on.
func TestDesign_AndExampleSayTheSame(t *testing.T) {
	design, err := os.ReadFile("testdata/design.yaml")
	if err != nil {
		t.Fatal(err)
	}
	options := config.Options{Env: env(secrets())}
	if diff := cmp.Diff(parse(t, string(design), options), parse(t, config.Example(), options)); diff != "" {
		t.Error(diff)
	}
}

// Every complete configuration in the repository's documents parses.
func TestDocuments_ShowConfigurationsThatParse(t *testing.T) {
	documents, err := filepath.Glob("../*.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```")
	anything := func(string) (string, bool) { return "1", true }
	for _, name := range documents {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range block.FindAllStringSubmatch(string(text), -1) {
			if !strings.HasPrefix(match[1], "shop:") && !strings.Contains(match[1], "\nshop:") {
				continue
			}
			if _, err := config.Parse([]byte(match[1]), name, config.Options{Env: anything}); err != nil {
				t.Errorf("%v", err)
			}
		}
	}
}
