package commands

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The reference is made from the commands, and kept in docs so that it can be read without the program.
func TestDocuments_TheReferenceIsThatOfTheCommands(t *testing.T) {
	for format, file := range map[string]string{"markdown": "../docs/commands.md", "man": "../docs/magento-optiply.1"} {
		var stdout bytes.Buffer
		env := Env{Stdout: &stdout, Stderr: &stdout, LookupEnv: func(string) (string, bool) { return "", false }}
		if code := Run(t.Context(), env, []string{"magento-optiply", "reference", "--format", format}); code != 0 {
			t.Fatalf("exit code %d: %s", code, &stdout)
		}
		if kept, err := os.ReadFile(file); err != nil || !bytes.Equal(kept, stdout.Bytes()) {
			t.Fatal("docs/commands.md and docs/magento-optiply.1 are not those of the commands any more: run `make docs` and commit them")
		}
	}
}

func TestDocuments_TheManPageHasTheREADMEsExitCodes(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(readme), "| exit code | means |")
	table, _, _ = strings.Cut(table, "\n\n")
	var here, there []string
	for _, c := range codes() {
		here = append(here, c.code)
	}
	for _, m := range regexp.MustCompile(`(?m)^\| (\d+) \|`).FindAllStringSubmatch(table, -1) {
		there = append(there, m[1])
	}
	if !slices.Equal(here, there) {
		t.Errorf("codes() in reference.go has %v, and the README's table %v", here, there)
	}
}

func TestTree_FindsTheValuesThatATextNames(t *testing.T) {
	a := &app{env: Env{}}
	words := map[string]string{}
	for _, n := range a.commandTree().all() {
		for _, o := range n.options {
			words[strings.TrimSpace(n.path+" "+o.names[0])] = strings.Join(o.words, " ")
		}
	}
	for option, want := range map[string]string{"--log-level": "debug info warn error", "--progress": "auto always never", "check --format": "table json",
		"init --stock": "salable physical warehouse listing off", "init --shop": "", "check --fixtures": "", "init --secrets": "env file"} {
		if words[option] != want {
			t.Errorf("%s: %q, want %q", option, words[option], want)
		}
	}
}
