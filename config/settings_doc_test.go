package config_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"magento-optiply/config"
)

// documented is a row of docs/settings.md.
type documented struct{ Name, Value, Default, Meaning string }

func settingsPage(t *testing.T) (rows []documented) {
	t.Helper()
	page, err := os.ReadFile("../docs/settings.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `([A-Za-z_.]+)` \\| ([^|]*) \\|([^|]*)\\| ?(.*) ?\\|$").FindAllStringSubmatch(string(page), -1) {
		rows = append(rows, documented{m[1], strings.TrimSpace(m[2]), strings.Trim(m[3], " `"), strings.TrimSpace(m[4])})
	}
	return rows
}

func TestSettingsPage_HasEverySettingInItsOrder(t *testing.T) {
	var names []string
	for _, row := range settingsPage(t) {
		names = append(names, row.Name)
	}
	if diff := cmp.Diff(config.Names(), names); diff != "" {
		t.Errorf("the settings of the program, and of docs/settings.md:\n%s", diff)
	}
}

func TestSettingsPage_HasTheDefaults(t *testing.T) {
	var tree map[string]any
	if err := yaml.Unmarshal([]byte(config.Default().YAML()), &tree); err != nil {
		t.Fatal(err)
	}
	for _, row := range settingsPage(t) {
		section, key, nested := strings.Cut(row.Name, ".")
		value := tree[section]
		if nested {
			value = value.(map[string]any)[key]
		}
		text, err := yaml.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		want := strings.Trim(strings.TrimSpace(string(text)), `"{}`)
		want = strings.TrimSuffix(want, "T00:00:00Z")
		if strings.HasSuffix(row.Value, " of 1 or more") && want == "0" {
			want = "" // there is none: each shop has to give it
		}
		if row.Default != want {
			t.Errorf("%s: its default is %q, and docs/settings.md says %q", row.Name, want, row.Default)
		}
	}
}

// What a setting takes is asked of the program by values that it refuses, since its errors say what it wants.
func TestSettingsPage_SaysWhatEachSettingTakes(t *testing.T) {
	loose := map[string]bool{"text": true, "address": true, "folder": true, "file": true, "cron expression": true}
	for _, row := range settingsPage(t) {
		want := taken(row.Name)
		if want == "" && loose[row.Value] || want == row.Value {
			continue
		}
		t.Errorf("%s: docs/settings.md says that it takes %q, and the program %q", row.Name, row.Value, want)
	}
}

// wanted is where a setting takes a number or one of some words.
var wanted = regexp.MustCompile(`must be (?:a )?((?:whole )?number .*|on, .*|[a-z]+ or [a-z_]+(?: or [a-z_]+)*), not "`)

// taken is what a setting takes in the words of the page; empty for a text that may be much.
func taken(name string) string {
	refuses := func(value string) string {
		text := name + ": " + value
		if section, key, nested := strings.Cut(name, "."); nested {
			text = section + ":\n  " + key + ": " + value
		}
		c, err := config.Parse([]byte(text), "page", config.Options{NoMagento: true, NoOptiply: true})
		if err == nil {
			return c.YAML()
		}
		for line := range strings.Lines(err.Error()) {
			if strings.Contains(line, " "+name+" must") {
				return line
			}
		}
		return ""
	}
	said := refuses(`"\u0001"`)
	switch m := wanted.FindStringSubmatch(said); {
	case strings.Contains(said, "must be a date"):
		return "date"
	case strings.Contains(said, "must be a duration") && refuses("0s") != "":
		return "duration"
	case strings.Contains(said, "must be a duration"):
		return "duration or 0"
	case strings.Contains(said, "must be a mapping"):
		return "secret mapping"
	case !strings.Contains(refuses("[a, b]"), "single value"):
		return "list"
	case secret(name):
		return "secret"
	case m != nil:
		return m[1]
	}
	return ""
}

// secret tells whether a setting prints as ***.
func secret(name string) bool {
	section, key, _ := strings.Cut(name, ".")
	value := "https://host.example/1"
	if name == "fleet.database" {
		value = "sqlite:fleet.db"
	}
	text := "shop: demo\noptiply:\n  base_url: sandbox\n" + section + ":\n  " + key + ": " + value
	if section == "optiply" {
		text = "shop: demo\noptiply:\n  base_url: sandbox\n  " + key + ": " + value
	}
	c, err := config.Parse([]byte(text), "page", config.Options{NoMagento: true, NoOptiply: true})
	return err == nil && strings.Contains(c.YAML(), "  "+key+": \"***\"\n")
}
