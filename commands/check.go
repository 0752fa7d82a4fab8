package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"magento-optiply/check"
	"magento-optiply/config"
	"magento-optiply/magento"
	"magento-optiply/optiply"
	"magento-optiply/optiply/sandbox"
	"magento-optiply/recording"
	"magento-optiply/store"
)

func (a *app) checkCommand() *cli.Command {
	return &cli.Command{
		Name:  "check",
		Usage: "look whether a night would work: configuration, shop, permissions, Optiply, folder; writes nothing",
		Description: "Exit code 0: all is well, or there are warnings; 1: a check failed; 2: the configuration is not right. " +
			"docs/check.md tells every check.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "format", Value: "table", Usage: "`FORMAT`: table or json"},
			&cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "write to `FILE`, whole or not at all"},
			&cli.StringFlag{Name: "fixtures", Usage: "the recorded shop in `DIR` instead of the configured one"},
		},
		Action: func(c *cli.Context) error {
			if err := noArguments(c); err != nil {
				return err
			}
			k := &checking{app: a, format: c.String("format"), output: c.String("output"), fixtures: c.String("fixtures")}
			return k.run(c.Context)
		},
	}
}

// checking is one call of `check`.
type checking struct {
	app                      *app
	format, output, fixtures string
}

// checked is what --format json prints. docs/check.md tells of every field.
type checked struct {
	Checks   []check.Result        `json:"checks"`
	Counts   map[check.Verdict]int `json:"counts"`
	ExitCode int                   `json:"exit_code"`
}

func (k *checking) run(ctx context.Context) error {
	a := k.app
	if err := a.checkFormat(k.format, k.output, "table", "json"); err != nil {
		return err
	}
	out, err := a.openOutput(k.output)
	if err != nil {
		return err
	}
	all, err := k.look(ctx)
	if err == nil {
		err = k.print(out, all)
	}
	if err = out.close(err); err != nil {
		return err
	}
	if all.ExitCode != exitDone {
		return &exitError{code: all.ExitCode}
	}
	return nil
}

// look makes the checks that the configuration allows.
func (k *checking) look(ctx context.Context) (checked, error) {
	a := k.app
	night, err := recordedNight(k.fixtures)
	if err != nil {
		return checked{}, err
	}
	cfg, job, results, err := k.configured(night)
	if err != nil {
		return checked{}, err
	}
	broken := len(results) > 0
	if !broken {
		results = []check.Result{{Check: "configuration", Verdict: check.OK, Found: k.where()}}
	}
	if cfg != nil {
		done, err := k.open(cfg, job)
		if err != nil {
			return checked{}, err
		}
		defer done()
	}
	if s, ok := a.env.Stderr.(*screen); ok && a.env.StderrTerminal && a.progress != "never" && !dumb(a.env) {
		job.Before = func(name string) { s.draw("checking " + name) }
		defer s.draw("")
	}
	if cfg == nil {
		results = append(results, check.Result{Check: "all other checks", Verdict: check.Skipped, Found: "they need a configuration that can be read"})
	} else {
		results = append(results, job.Run(ctx)...)
	}
	if ctx.Err() != nil {
		return checked{}, ctx.Err()
	}
	all := checked{Checks: results, Counts: map[check.Verdict]int{check.OK: 0, check.Warning: 0, check.Failed: 0, check.Skipped: 0}}
	for _, r := range results {
		all.Counts[r.Verdict]++
	}
	if all.Counts[check.Failed] > 0 {
		all.ExitCode = exitFailed
	}
	if broken {
		all.ExitCode = exitUsage
	}
	return all, nil
}

func (k *checking) where() string {
	if k.app.configGiven || exists(k.app.configPath) {
		return k.app.configPath
	}
	return "that of the demo, since there is no file"
}

// configured reads the configuration. Where it is not right, the problems are the first rows, and what is right of it decides what
// is looked at all the same.
func (k *checking) configured(night *recording.Night) (*config.Config, *check.Job, []check.Result, error) {
	a := k.app
	job := &check.Job{Now: a.env.Now, Recorded: k.fixtures != ""}
	cfg, err := a.loadConfig(needs{magento: true, optiply: true, fixtures: k.fixtures, recorded: night})
	if err == nil {
		return cfg, job, nil, nil
	}
	var wrong *config.Error
	if !errors.As(err, &wrong) {
		return nil, nil, nil, err
	}
	var results []check.Result
	for _, p := range wrong.Problems {
		r := check.Result{Check: "configuration", Verdict: check.Failed, Found: p.Place(wrong.File), ToDo: correction(p)}
		if errors.Is(err, fs.ErrNotExist) && len(wrong.Problems) == 1 && !exists(a.configPath) {
			r.ToDo = "write one with `magento-optiply init`"
		}
		results = append(results, r)
	}
	const why = "the configuration is not right for it"
	for _, o := range []config.Options{{NoOptiply: true}, {NoMagento: true}, {NoMagento: true, NoOptiply: true}} {
		o.Env = a.env.LookupEnv
		part, err := config.Load(a.configPath, config.Options{Env: o.Env, NoMagento: o.NoMagento || k.fixtures != "", NoOptiply: o.NoOptiply})
		if err != nil {
			continue
		}
		if o.NoMagento && k.fixtures == "" {
			job.NoMagento = why
		}
		if o.NoOptiply {
			job.NoOptiply = why
		}
		return part, job, results, nil
	}
	return nil, job, results, nil
}

// correction is what to do about a setting. One that only lacks its variable or its file is mended outside the configuration.
func correction(p config.Problem) string {
	switch {
	case strings.HasPrefix(p.Unset, "file:"):
		return "write that file, for this user to read alone"
	case p.Unset != "":
		return "set " + p.Unset + " where the runs start (the unit, the crontab, the container), and for this check"
	}
	return "correct it; config/example.yaml shows every setting, and so does a file that `init` writes"
}

// shortly is the longest that a check waits for an answer.
const shortly = 30 * time.Second

// open makes the clients, which do not retry: a check tells how it is now.
func (k *checking) open(cfg *config.Config, job *check.Job) (done func(), err error) {
	var closers []func()
	done = func() {
		for _, c := range closers {
			c()
		}
	}
	job.Config = cfg
	if job.Folder, err = store.At(cfg.DataDir, cfg.Shop); err != nil {
		return done, usageError(err)
	}
	if job.NoMagento == "" {
		closer, err := k.openMagento(cfg, job)
		if err != nil {
			return done, err
		}
		closers = append(closers, closer)
	}
	if job.NoOptiply == "" {
		closer, err := k.openOptiply(cfg, job)
		if err != nil {
			done()
			return done, err
		}
		closers = append(closers, closer)
	}
	return done, nil
}

func (k *checking) openMagento(cfg *config.Config, job *check.Job) (done func(), err error) {
	a, m, auth := k.app, cfg.Magento, magentoAuth(cfg.Magento)
	done = func() {}
	if k.fixtures != "" {
		server, shop, err := startFixtures(k.fixtures)
		if err != nil {
			return nil, err
		}
		m.StoreURL, auth = server.url, magento.Bearer(shop.AccessToken)
		done = func() { _ = server.Close() }
	}
	job.MagentoClock = &check.Clock{}
	c := a.magentoConfig(m, auth, func(info magento.RequestInfo) {
		now := a.env.Now()
		job.MagentoClock.Note(info.Date, now.Add(-info.Duration), now)
		a.log.Debug("request", "endpoint", info.Endpoint, "status", info.Status, "kind", info.Kind, "ms", info.Duration.Milliseconds())
	})
	c.Retries, c.RetryWait = -1, time.Second
	c.StallTimeout, c.Timeout = min(c.StallTimeout, shortly), min(c.Timeout, 2*shortly)
	if job.Magento, err = magento.NewClient(c); err != nil {
		done()
		return nil, usageError(err)
	}
	return done, nil
}

// openOptiply makes the client. A sandbox that has not been used yet is one in memory, so that a check leaves no folder.
func (k *checking) openOptiply(cfg *config.Config, job *check.Job) (done func(), err error) {
	a, o := k.app, cfg.Optiply
	c := a.optiplyConfig(o)
	done = func() {}
	if o.Sandbox() {
		options := sandbox.Options{Now: a.env.Now, AccountID: o.AccountID}
		if dir := job.Folder.SandboxDir(); exists(dir) {
			options.Dir = dir
		}
		box, err := sandbox.Open(options)
		if errors.Is(err, sandbox.ErrInUse) {
			job.NoOptiply = "the sandbox is in use: a run is going on"
			return done, nil
		}
		if err != nil {
			return nil, err
		}
		done = func() { _ = box.Close() }
		if c.BaseURL, c.DashboardURL, err = box.Start(); err != nil {
			return nil, err
		}
		c.ClientID, c.ClientSecret, c.Username, c.Password = "sandbox", "sandbox", "sandbox", "sandbox"
		job.Sandbox = true
	}
	job.OptiplyClock = &check.Clock{}
	c.Timeout = shortly
	c.Tries = 1
	c.Transport = job.OptiplyClock.Transport(http.DefaultTransport, a.env.Now)
	if job.Optiply, err = optiply.NewClient(c); err != nil {
		done()
		return nil, usageError(err)
	}
	return done, nil
}

func (k *checking) print(out io.Writer, all checked) error {
	if k.format == "json" {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(all)
	}
	g := grid{Plain: k.output != "" || !k.app.env.StdoutTerminal, Columns: []column{{Name: "check"}, {Name: "verdict"}, {Name: "found, and what to do", Wrap: true}}, Width: k.width()}
	for _, r := range all.Checks {
		text := r.Found
		if r.ToDo != "" {
			text += ". To do: " + r.ToDo
		}
		g.Rows = append(g.Rows, []string{r.Check, string(r.Verdict), text})
	}
	if err := g.print(out); err != nil {
		return err
	}
	_, err := fmt.Fprintf(out, "\n%s\n", conclusion(all))
	return err
}

// width is that of the terminal, and 80 columns where there is none: the table goes into mails and CI logs.
func (k *checking) width() int {
	if k.output == "" && k.app.env.Width > 0 && k.app.env.StdoutTerminal {
		return k.app.env.Width
	}
	return 80
}

// conclusion is the last line: what the exit code says.
func conclusion(all checked) string {
	rest := fmt.Sprintf("%d ok, %s, %d skipped", all.Counts[check.OK], plural(int64(all.Counts[check.Warning]), "warning"), all.Counts[check.Skipped])
	switch {
	case all.ExitCode == exitUsage:
		return fmt.Sprintf("The configuration is not right: %d failed, %s.", all.Counts[check.Failed], rest)
	case all.Counts[check.Failed] > 0:
		return fmt.Sprintf("%s failed: %s.", plural(int64(all.Counts[check.Failed]), "check"), rest)
	}
	return "A night would work: " + rest + "."
}
