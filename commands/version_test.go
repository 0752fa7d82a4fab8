package commands

import (
	"bytes"
	"regexp"
	"runtime/debug"
	"testing"
)

func TestVersion_TellsCommitAndDuckDB(t *testing.T) {
	var stdout bytes.Buffer
	env := Env{Stdout: &stdout, Stderr: &stdout, Version: "1.2.3", LookupEnv: func(string) (string, bool) { return "", false }}
	if code := Run(t.Context(), env, []string{"magento-optiply", "--version"}); code != 0 {
		t.Fatalf("exit code %d", code)
	}
	if want := `^magento-optiply version 1\.2\.3 \(commit [^,]+(, changed since)?, DuckDB v\d+\.\d+\.\d+, go\S+ \w+/\w+\)\n$`; !regexp.MustCompile(want).MatchString(stdout.String()) {
		t.Errorf("got %q", stdout.String())
	}
	info := &debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef"}, {Key: "vcs.modified", Value: "true"}}}
	if got := commit(info, true); got != "0123456789ab, changed since" {
		t.Errorf("got %q", got)
	}
	if got := commit(nil, false); got != "unknown" {
		t.Errorf("got %q", got)
	}
}
