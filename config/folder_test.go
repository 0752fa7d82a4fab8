package config_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"magento-optiply/config"
)

func TestFolder_NamesShopsWhateverElseIsWrongWithTheirFiles(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"one.yaml":     "shop: beta\nmagento:\n  nonsense: 1\n",
		"two.yml":      "shop: ${NAME}\n",
		"broken.yaml":  "shop: [\n",
		"nameless.yml": "magento:\n  store_url: x\n",
		"fleet.yaml":   "fleet:\n  database: sqlite:x\n",
		"both.yaml":    "fleet:\n  database: sqlite:x\nshop: delta\n",
		"notes.txt":    "shop: none\n",
		".hidden.yaml": "shop: none\n",
		"twice-1.yaml": "shop: twice\n",
		"twice-2.yaml": "shop: twice\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	list, err := config.Folder(dir, func(string) (string, bool) { return "alpha", true })
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range list {
		line := f.Shop + " " + filepath.Base(f.Path)
		if f.Err != nil {
			line += " wrong"
		}
		got = append(got, line)
	}
	want := "alpha two.yml, beta one.yaml, broken broken.yaml, delta both.yaml, nameless nameless.yml, twice twice-1.yaml wrong, twice twice-2.yaml wrong"
	if text := strings.Join(got, ", "); text != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
	if err := list[5].Err; !strings.Contains(err.Error(), "twice-2.yaml") {
		t.Errorf("the error does not name the other file: %v", err)
	}
}

func TestFolder_ThatIsNotThereIsAnError(t *testing.T) {
	if _, err := config.Folder(filepath.Join(t.TempDir(), "none"), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}
