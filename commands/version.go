package commands

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"

	"magento-optiply/store"
)

// printVersion is --version: what a person who is asked for help is asked first.
func (a *app) printVersion(ctx context.Context) error {
	duckdb, err := store.DuckDBVersion(ctx)
	if err != nil {
		return err
	}
	from := a.env.Commit
	if from == "" {
		from = commit(debug.ReadBuildInfo())
	}
	_, err = fmt.Fprintf(a.env.Stdout, "magento-optiply version %s (commit %s, DuckDB %s, %s %s/%s)\n", a.env.Version,
		from, duckdb, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// commit is the one that the program was built from, as the Go tool has noted it.
func commit(info *debug.BuildInfo, ok bool) string {
	if !ok {
		return "unknown"
	}
	revision, changed := "unknown", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(len(s.Value), 12)]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = ", changed since"
		}
	}
	return revision + changed
}
