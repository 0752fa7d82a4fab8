// Package commands is the command line: it reads options and the configuration, wires the other packages together,
// draws progress, prints results, and decides the exit code. stdout is data, stderr is talk.
package commands

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/urfave/cli/v2"

	"magento-optiply/config"
	"magento-optiply/store"
)

// Env is the outside world of a command.
type Env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	StdoutTerminal bool
	StderrTerminal bool
	Width          int // columns of the terminal, 0 where unknown
	LookupEnv      func(string) (string, bool)
	Now            func() time.Time
	Version        string
}

// defaultConfig is read when no --config is given.
const defaultConfig = "magento-optiply.yaml"

// app is what the commands of one call share.
type app struct {
	env      Env
	log      *slog.Logger
	progress string // auto, always, never
	logJSON  bool

	configPath  string
	configGiven bool
}

// Run runs one command line and returns the exit code of section 4.
func Run(ctx context.Context, env Env, args []string) int {
	a := &app{env: env, log: slog.New(slog.DiscardHandler)}
	c := a.cli()
	err := c.RunContext(ctx, args)
	if ctx.Err() != nil && err != nil {
		err = &exitError{code: exitInterrupted, err: err}
	}
	return a.report(err)
}

func (a *app) cli() *cli.App {
	return &cli.App{
		Name:      "magento-optiply",
		Usage:     "a Magento 2 shop's catalogue, stock and sales to Optiply, each night only the difference",
		Version:   a.env.Version,
		Reader:    a.env.Stdin,
		Writer:    a.env.Stdout,
		ErrWriter: a.env.Stderr,
		// Errors are reported by Run, with our exit codes.
		ExitErrHandler:         func(*cli.Context, error) {},
		OnUsageError:           func(_ *cli.Context, err error, _ bool) error { return usageError(err) },
		HideHelpCommand:        true,
		UseShortOptionHandling: false,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "config", Aliases: []string{"c"}, Usage: "configuration `FILE`; or the environment variable MAGENTO_OPTIPLY_CONFIG", DefaultText: "./" + defaultConfig},
			&cli.StringFlag{Name: "log-level", Value: "info", Usage: "debug, info, warn or error"},
			&cli.StringFlag{Name: "log-format", Value: "auto", Usage: "auto, text or json; auto is text"},
			&cli.StringFlag{Name: "progress", Value: "auto", Usage: "auto, always or never; auto draws bars on a terminal"},
		},
		Before: a.before,
		Commands: []*cli.Command{
			a.runCommand(), a.extractCommand(), a.transformCommand(), a.loadCommand(),
			a.planCommand(), a.sqlCommand(), a.runsCommand(), a.serveCommand(),
		},
		CommandNotFound: nil,
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usageError(fmt.Errorf("there is no command %q; `%s --help` lists them", c.Args().First(), c.App.Name))
			}
			return cli.ShowAppHelp(c)
		},
	}
}

// before reads the global options.
func (a *app) before(c *cli.Context) error {
	a.configPath = c.String("config")
	a.configGiven = a.configPath != ""
	if path, ok := a.env.LookupEnv("MAGENTO_OPTIPLY_CONFIG"); ok && !a.configGiven && path != "" {
		a.configPath, a.configGiven = path, true
	}
	if a.configPath == "" {
		a.configPath = defaultConfig
	}
	a.progress = c.String("progress")
	if a.progress != "auto" && a.progress != "always" && a.progress != "never" {
		return usageError(fmt.Errorf("--progress %s: it is auto, always or never", a.progress))
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.String("log-level"))); err != nil {
		return usageError(fmt.Errorf("--log-level %s: it is debug, info, warn or error", c.String("log-level")))
	}
	switch format := c.String("log-format"); format {
	case "auto", "text":
		a.log = textLogger(a.env, level)
	case "json":
		a.logJSON = true
		a.log = slog.New(slog.NewJSONHandler(a.env.Stderr, &slog.HandlerOptions{Level: level}))
	default:
		return usageError(fmt.Errorf("--log-format %s: it is auto, text or json", format))
	}
	return nil
}

// loadConfig reads the configuration. With fixtures and no file, the embedded demo configuration serves.
func (a *app) loadConfig(fixtures string) (*config.Config, error) {
	opts := config.Options{Env: a.env.LookupEnv, Fixtures: fixtures != ""}
	if fixtures != "" && !a.configGiven && !exists(a.configPath) {
		a.log.Info("no configuration file: the demo configuration is used, with the sandbox as Optiply")
		return config.Demo(), nil
	}
	cfg, err := config.Load(a.configPath, opts)
	if err != nil {
		return nil, usageError(err)
	}
	return cfg, nil
}

// openShop reads the configuration and opens the shop's folder.
func (a *app) openShop(fixtures string) (*config.Config, *store.Shop, error) {
	cfg, err := a.loadConfig(fixtures)
	if err != nil {
		return nil, nil, err
	}
	shop, err := store.Open(cfg.DataDir, cfg.Shop)
	return cfg, shop, err
}
