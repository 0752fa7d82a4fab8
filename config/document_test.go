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

// Every configuration in the repository's documents parses. What is only a part of one is read as the rest of a shop that has all
// else, so that a setting that there is no more is found.
func TestDocuments_ShowConfigurationsThatParse(t *testing.T) {
	var documents []string
	for _, pattern := range []string{"../*.md", "../docs/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, found...)
	}
	block := regexp.MustCompile("(?ms)^```yaml\n(.*?)^```")
	anything := func(string) (string, bool) { return "1", true }
	seen := 0
	for _, name := range documents {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range block.FindAllStringSubmatch(string(text), -1) {
			seen++
			yaml, options := match[1], config.Options{Env: anything}
			if !strings.HasPrefix(yaml, "shop:") && !strings.Contains(yaml, "\nshop:") {
				yaml, options.NoMagento, options.NoOptiply = "shop: demo\n"+yaml, true, true
				yaml = strings.ReplaceAll(yaml, "database: ${file:", "database: sqlite:${file:")
				yaml = regexp.MustCompile(`\$\{file:[^}]*\}`).ReplaceAllString(yaml, "https://host.example/file")
			}
			if _, err := config.Parse([]byte(yaml), name, options); err != nil {
				t.Errorf("%v", err)
			}
		}
	}
	if seen < 5 {
		t.Errorf("the documents show %d configurations; the test does not find them", seen)
	}
}
