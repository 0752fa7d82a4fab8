package commands

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"magento-optiply/config"
)

// tell says what was written, what was not taken over, and what comes next. It is talk: stdout stays empty.
func (i *initializing) tell(path string, files map[string]config.Secret) {
	say := func(format string, args ...any) { fmt.Fprintf(i.app.env.Stderr, format+"\n", args...) }
	say("%s is written, with every setting and what it means.", path)
	if len(i.hotglue) > 0 {
		say("%s of %s were taken over.", plural(int64(i.taken), "key"), strings.Join(i.hotglue, " and "))
	}
	if len(i.notes) > 0 {
		say("\nNot taken over, or other than it was (the file has these lines too):")
		for _, n := range i.notes {
			say("  %s", printable(fmt.Sprintf("%s: %s: %s", n.File, n.Key, n.Text)))
		}
	}
	if i.secrets == "env" {
		say("\nSet these environment variables for the runs:")
		for _, name := range i.secretSettings() {
			say("  %s", variable(name))
		}
	} else {
		i.tellFiles(say, filepath.Dir(path), files)
	}
	say("\nThen see whether it works:\n  magento-optiply check%s", i.configOption(path))
}

func (i *initializing) tellFiles(say func(string, ...any), dir string, files map[string]config.Secret) {
	var written, open []string
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if files[name] == "" {
			open = append(open, filepath.Join(dir, name))
		} else {
			written = append(written, filepath.Join(dir, name))
		}
	}
	if len(written) > 0 {
		say("\nSecrets are in files that only this user can read:\n  %s", strings.Join(written, "\n  "))
	}
	if len(open) > 0 {
		say("\nPut the secrets into these files, one each (chmod 600):\n  %s", strings.Join(open, "\n  "))
	}
}

func (i *initializing) configOption(path string) string {
	if path == defaultConfig {
		return ""
	}
	return " --config " + path
}
