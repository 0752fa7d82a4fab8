package main_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// These tests let real shells complete command lines with the scripts that the program prints.

// completions are command lines and what is offered for their last word: all of it, or, behind a "+", some of it.
var completions = map[string]string{
	"magento-optiply ch":                       "check",
	"magento-optiply run":                      "run",
	"magento-optiply ":                         "+ check init run runs completion",
	"magento-optiply runs ":                    "+ show prune",
	"magento-optiply serve s":                  "shop sandbox",
	"magento-optiply run --only ":              "+ products stocks deletions sell_orders",
	"magento-optiply check --format ":          "table json",
	"magento-optiply check --format j":         "json",
	"magento-optiply --log-format json ch":     "check",
	"magento-optiply --config run check --fix": "--fixtures",
	"magento-optiply run --dry":                "--dry-run",
	"magento-optiply runs prune --ke":          "+ --keep",
	"magento-optiply completion ":              "bash zsh fish",
	"magento-optiply check --fixtures fix":     "fixtures",
	"magento-optiply --log-level w":            "warn",
}

// script writes what the program prints for a shell.
func script(t *testing.T, shell string) string {
	t.Helper()
	s := shopDir{t, t.TempDir()}
	path := filepath.Join(s.dir, "completion."+shell)
	if err := os.WriteFile(path, []byte(s.must(0, "completion", shell).stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// need skips a test whose shell this machine has not, and says so.
func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("NOT TESTED: this machine has no %s", program)
	}
}

// offers compares what a shell offers with the table.
func offers(t *testing.T, complete func(line string) string) {
	t.Helper()
	for line, want := range completions {
		some := strings.HasPrefix(want, "+")
		wanted, got := strings.Fields(strings.TrimPrefix(want, "+")), strings.Fields(complete(line))
		for i, word := range got {
			got[i] = strings.TrimSuffix(word, "/") // a folder
		}
		for _, word := range wanted {
			if !slices.Contains(got, word) {
				t.Errorf("%q: %q is not among %q", line, word, got)
			}
		}
		if !some && len(got) != len(wanted) && !(line == "magento-optiply run" && slices.Contains(got, "runs")) {
			t.Errorf("%q: offered %q, want %q", line, got, wanted)
		}
	}
}

func TestCompletion_Bash(t *testing.T) {
	t.Parallel()
	need(t, "bash")
	path := script(t, "bash")
	offers(t, func(line string) string {
		out, err := exec.Command("bash", "--norc", "-c", `source "$1"; read -ra COMP_WORDS <<< "$2"; [[ $2 == *" " ]] && COMP_WORDS+=("")
			COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); $(complete -p magento-optiply | sed 's/.*-F \([^ ]*\) .*/\1/'); echo "${COMPREPLY[@]}"`, "bash", path, line).CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
		return string(out)
	})
	out, err := exec.Command("bash", "--norc", "-c", `source "$1"; COMP_WORDS=(magento-optiply check --format = js); COMP_CWORD=4; _magento_optiply; echo "${COMPREPLY[@]}"`, "bash", path).CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "json" {
		t.Errorf("--format=js: %v %s", err, out)
	}
}

func TestCompletion_Fish(t *testing.T) {
	t.Parallel()
	need(t, "fish")
	path := script(t, "fish")
	offers(t, func(line string) string {
		cmd := exec.Command("fish", "--no-config", "-c", `source $argv[1]; complete -C $argv[2] | string replace -r '\t.*' ''; true`, path, line)
		cmd.Env = append(os.Environ(), "HOME="+filepath.Dir(path))
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", line, err, out)
		}
		return string(out)
	})
}

// In zsh only the line editor completes, so that what can be tested here is that zsh reads the script, and knows a function for the
// program and for each command with commands of its own.
func TestCompletion_Zsh(t *testing.T) {
	t.Parallel()
	need(t, "zsh")
	path := script(t, "zsh")
	out, err := exec.Command("zsh", "-f", "-c", `autoload -U compinit; compinit -u -D; source $1; print $_comps[magento-optiply] ${(k)functions[(I)_magento-optiply*]}`, "zsh", path).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range []string{"_magento-optiply", "_magento-optiply-runs", "_magento-optiply-runs-prune", "_magento-optiply-check"} {
		if !slices.Contains(strings.Fields(string(out)), name) {
			t.Errorf("zsh does not know %s: %s", name, out)
		}
	}
}
