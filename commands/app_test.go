package commands

import (
	"bytes"
	"slices"
	"strings"
	"testing"
)

func TestHelp_ListsEveryCommandUnderAHeadingInTheOrderOfTheReference(t *testing.T) {
	var stdout bytes.Buffer
	env := Env{Stdout: &stdout, Stderr: &stdout, LookupEnv: func(string) (string, bool) { return "", false }}
	if code := Run(t.Context(), env, []string{"magento-optiply", "--help"}); code != 0 {
		t.Fatalf("exit code %d: %s", code, &stdout)
	}
	_, list, _ := strings.Cut(stdout.String(), "COMMANDS:\n")
	list, _, _ = strings.Cut(list, "GLOBAL OPTIONS:")
	var headings, shown, want, wantHeadings []string
	for line := range strings.Lines(list) {
		switch words := strings.Fields(line); {
		case len(words) == 0:
		case strings.HasSuffix(words[len(words)-1], ":"):
			headings = append(headings, strings.TrimSuffix(strings.TrimSpace(line), ":"))
		default:
			shown = append(shown, words[0])
		}
	}
	for _, c := range (&app{}).commands() {
		if c.Hidden {
			continue
		}
		if want = append(want, c.Name); !slices.Contains(wantHeadings, c.Category) {
			wantHeadings = append(wantHeadings, c.Category)
		}
	}
	if !slices.Equal(shown, want) || !slices.Equal(headings, wantHeadings) || slices.Contains(headings, "") {
		t.Errorf("--help lists\n%v\nunder %q, and the program has\n%v\nunder %q", shown, headings, want, wantHeadings)
	}
}
