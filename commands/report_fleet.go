package commands

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"magento-optiply/config"
	"magento-optiply/report"
	"magento-optiply/store"
)

// place is where a shop of the fleet is, or why that cannot be told.
type place struct {
	dataDir, shop string
	err           error
}

// reportFleet writes the page of all shops.
func (a *app) reportFleet(ctx context.Context, o *reportOptions) error {
	places, dir, err := a.places(o)
	if err != nil {
		return err
	}
	path := o.output
	if path == "" {
		if dir == "" {
			return usageError(errors.New("these shops are in several folders: say with --output FILE where the page is to be"))
		}
		path = filepath.Join(dir, "fleet.html")
	}
	type ranked struct {
		code int
		line report.Shop
	}
	var list []ranked
	for _, p := range places {
		line, code := a.fleetLine(ctx, p, filepath.Dir(path))
		list = append(list, ranked{code, line})
	}
	slices.SortStableFunc(list, func(x, y ranked) int {
		return cmp.Or(cmp.Compare(gravity(x.code), gravity(y.code)), cmp.Compare(x.line.LastSuccess, y.line.LastSuccess), cmp.Compare(x.line.Shop, y.line.Shop))
	})
	var lines []report.Shop
	for _, r := range list {
		lines = append(lines, r.line)
	}
	out, err := a.openOutput(path)
	if err != nil {
		return err
	}
	if err := out.close(report.WriteFleet(out, lines, a.env.Now())); err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.env.Stdout, path)
	return err
}

// places finds the shops, and the data_dir that they have in common; empty where they have none.
func (a *app) places(o *reportOptions) (list []place, dir string, err error) {
	if o.configs == "" {
		cfg, err := a.loadConfig(needs{})
		if err != nil {
			return nil, "", err
		}
		entries, err := os.ReadDir(cfg.DataDir)
		if err != nil {
			return nil, "", usageError(fmt.Errorf("data_dir %s: %w", cfg.DataDir, errors.Unwrap(err)))
		}
		for _, e := range entries {
			if exists(filepath.Join(cfg.DataDir, e.Name(), "runs")) {
				list = append(list, place{dataDir: cfg.DataDir, shop: e.Name()})
			}
		}
		if len(list) == 0 {
			return nil, "", usageError(fmt.Errorf("data_dir %s: there is no shop in it", cfg.DataDir))
		}
		return list, cfg.DataDir, nil
	}
	files, err := config.Folder(o.configs, a.env.LookupEnv)
	if err != nil {
		return nil, "", usageError(fmt.Errorf("--config-dir %w", err))
	}
	if len(files) == 0 {
		return nil, "", usageError(fmt.Errorf("--config-dir %s: there is no configuration in it, no file that ends in .yaml", o.configs))
	}
	dirs := map[string]bool{}
	for _, f := range files {
		p := place{shop: f.Shop, err: f.Err}
		if p.err == nil {
			var cfg *config.Config
			cfg, p.err = config.Load(f.Path, config.Options{Env: a.env.LookupEnv, NoMagento: true, NoOptiply: true})
			if p.err == nil {
				p.dataDir, p.shop = cfg.DataDir, cfg.Shop
				dirs[cfg.DataDir] = true
			}
		}
		list = append(list, p)
	}
	if len(dirs) == 1 {
		for d := range dirs {
			dir = d
		}
	}
	return list, dir, nil
}

// fleetLine is one shop's line, and the code by which it is ranked.
func (a *app) fleetLine(ctx context.Context, p place, from string) (line report.Shop, code int) {
	line = report.Shop{Shop: p.shop, Tone: report.Bad, Rows: -1, Sent: -1, LeftOut: -1}
	failed := func(verdict string, err error) (report.Shop, int) {
		line.Verdict, line.Because = verdict, sentence(err)
		return line, exitFailed
	}
	if p.err != nil {
		line, _ = failed("wrong configuration", p.err)
		return line, exitUsage
	}
	if !exists(filepath.Join(p.dataDir, p.shop)) {
		return failed("never run", store.ErrNoRun)
	}
	shop, err := store.At(p.dataDir, p.shop)
	if err != nil {
		return failed("cannot be read", err)
	}
	runs, err := a.pastRuns(ctx, shop)
	if err != nil {
		return failed("cannot be read", err)
	}
	if len(runs) == 0 {
		return failed("never run", store.ErrNoRun)
	}
	histories, err := a.histories(ctx, shop)
	if err != nil {
		return failed("cannot be read", err)
	}
	last := runs[0]
	line.Verdict, code = last.Verdict, exitFailed
	line.Tone = report.Warn
	if last.ExitCode != nil {
		code = *last.ExitCode
		line.Tone, _, _ = (&summary{ExitCode: code}).headline("")
	}
	if last.StartedAt != nil {
		line.Started = last.StartedAt.UTC().Format("Mon 2 Jan 15:04")
	}
	for _, r := range runs {
		if r.ExitCode != nil && r.Phase == "done" && (*r.ExitCode == exitDone || *r.ExitCode == exitIncomplete) && r.StartedAt != nil {
			line.LastSuccess = r.StartedAt.UTC().Format("2006-01-02 15:04")
			break
		}
	}
	for _, h := range histories {
		var s summary
		if h.RunID == last.RunID && json.Unmarshal([]byte(h.Summary), &s) == nil {
			line.Rows, line.Sent, line.LeftOut, line.Because = s.rows(), s.total().Done, s.leftOut(), s.because()
			line.Seconds = s.Seconds["extract"] + s.Seconds["transform"] + s.Seconds["load"]
		}
	}
	if path := shop.ReportPath(last.RunID); exists(path) {
		line.Link = relativeLink(from, path)
	}
	return line, code
}

// because is why a run did not go well, in few words.
func (s *summary) because() string {
	var parts []string
	for _, g := range s.heldGuards() {
		parts = append(parts, g.Name)
	}
	if s.DeletionsHeld > 0 {
		parts = append(parts, plural(s.DeletionsHeld, "product")+" not disabled")
	}
	if s.Error != "" {
		parts = append(parts, s.Error)
	}
	return strings.Join(parts, "; ")
}

// relativeLink is the way from a folder to a file, as a link.
func relativeLink(from, to string) string {
	from, err := filepath.Abs(from)
	if err == nil {
		if to, err = filepath.Abs(to); err == nil {
			to, err = filepath.Rel(from, to)
		}
	}
	if err != nil {
		return ""
	}
	return (&url.URL{Path: filepath.ToSlash(to)}).String()
}

// errorOf is why a run failed, as its history keeps it.
func errorOf(h store.History) string {
	var s summary
	if json.Unmarshal([]byte(h.Summary), &s) != nil {
		return ""
	}
	return s.Error
}
