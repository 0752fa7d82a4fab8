// Package commands is the command line: it reads options and the configuration, wires the other packages together,
// draws progress, prints results, and decides the exit code. stdout is data, stderr is talk.
package commands

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"magento-optiply/config"
	"magento-optiply/recording"
	"magento-optiply/store"
	"magento-optiply/traffic"
)

// Env is the outside world of a command.
type Env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	StdinTerminal  bool
	StdoutTerminal bool
	StderrTerminal bool
	Width          int        // columns of the terminal, 0 where unknown
	Resized        func() int // the columns as they are now; nil where Width stays
	LookupEnv      func(string) (string, bool)
	ReadSecret     func(context.Context) (string, error) // reads a line of the terminal without showing it
	Now            func() time.Time
	Version        string
	Commit         string // that the program was built from; empty where the build did not say
	Executable     string // the path of this program, which is started again for each of several shops
	Signals        *Signals
	Exit           func(code int) // ends the process where it stands
}

// columns is how wide the terminal is now, 80 where that is not known.
func (e Env) columns() int {
	width := e.Width
	if e.Resized != nil {
		width = e.Resized()
	}
	if width <= 0 {
		return 80
	}
	return width
}

// defaultConfig is read when no --config is given.
const defaultConfig = "magento-optiply.yaml"

// app is what the commands of one call share.
type app struct {
	env      Env
	log      *slog.Logger
	progress string // auto, always, never
	logJSON  bool

	meter *traffic.Meter // of the requests of a run; nil counts nothing

	configPath  string
	configGiven bool
	configFlag  bool // on the command line, not in the environment

	limits store.Limits
	leash  *leash // nil for a process that belongs to no other
	asked  tally
	keeps  string // what an interruption leaves, and how to go on
}

// Run runs one command line and returns the exit code of section 4.
func Run(ctx context.Context, env Env, args []string) int {
	terminal := newScreen(env.Stderr) // log lines and progress bars share the terminal
	terminal.columns = env.columns
	env.Stderr = terminal
	a := &app{env: env, log: slog.New(slog.DiscardHandler)}
	ctx, a.leash = leashed(ctx, env)
	c := a.cli()
	err := c.RunContext(ctx, sqlArgs(args))
	return a.report(a.orInterrupted(ctx, err))
}

func (a *app) cli() *cli.App {
	app := &cli.App{
		Name:      "magento-optiply",
		Usage:     "a Magento 2 shop's catalogue, stock and sales to Optiply, each night only the difference",
		Reader:    a.env.Stdin,
		Writer:    a.env.Stdout,
		ErrWriter: a.env.Stderr,
		// Errors are reported by Run, with our exit codes.
		ExitErrHandler:  func(*cli.Context, error) {},
		HideHelpCommand: true,
		HideVersion:     true, // ours is below, because it asks DuckDB
		Flags:           append(globalFlags(), &cli.BoolFlag{Name: "version", Aliases: []string{"v"}, Usage: "print the version, the commit and DuckDB's version"}),
		Commands:        a.commands(),
		Before: func(c *cli.Context) error {
			if c.Bool("version") {
				if err := a.printVersion(c.Context); err != nil {
					return err
				}
				return &exitError{code: exitDone}
			}
			return a.before(c)
		},
		Action: func(c *cli.Context) error {
			if c.NArg() > 0 {
				return usageError(fmt.Errorf("there is no command %q; `%s --help` lists them", c.Args().First(), c.App.Name))
			}
			return cli.ShowAppHelp(c)
		},
		OnUsageError: badUsage,
	}
	for _, command := range app.Commands {
		a.prepare(command)
	}
	return app
}

// commands are all of them, one a line, by what a person is about. --help sorts the headings by the alphabet, so they are worded to
// come in this order.
func (a *app) commands() []*cli.Command {
	return slices.Concat(
		under("Before the first night",
			a.initCommand(),
			a.checkCommand(),
			a.adoptCommand(),
			a.completionCommand(),
		),
		under("Every night",
			a.runCommand(),
			a.extractCommand(),
			a.transformCommand(),
			a.planCommand(),
			a.loadCommand(),
			a.reconcileCommand(),
		),
		under("Looking into a night",
			a.whyCommand(),
			a.reportCommand(),
			a.runsCommand(),
			a.sqlCommand(),
			a.rejectsCommand(),
			a.replayCommand(),
			a.recordCommand(),
		),
		under("Many shops, and servers to try with",
			a.fleetCommand(),
			a.serveCommand(),
			a.referenceCommand(),
		),
	)
}

// under puts commands under a heading of --help.
func under(heading string, commands ...*cli.Command) []*cli.Command {
	for _, c := range commands {
		c.Category = heading
	}
	return commands
}

func badUsage(_ *cli.Context, err error, _ bool) error { return usageError(err) }

// prepare lets a command take the global options behind its name too, and report a wrong option as we do.
func (a *app) prepare(c *cli.Command) {
	c.OnUsageError, c.HideHelpCommand = badUsage, true
	for _, sub := range c.Subcommands {
		a.prepare(sub)
	}
	if len(c.Subcommands) > 0 && c.Action == nil {
		c.Action = func(ctx *cli.Context) error {
			if ctx.NArg() > 0 {
				return usageError(fmt.Errorf("there is no command %q; see `magento-optiply %s --help`", ctx.Args().First(), c.Name))
			}
			return cli.ShowSubcommandHelp(ctx)
		}
	}
	c.Flags = append(c.Flags, globalFlags()...)
	c.Before = a.before
}

// globalCategory is the heading of the options that every command has.
const globalCategory = "global options"

func globalFlags() []cli.Flag {
	flags := []*cli.StringFlag{
		{Name: "config", Aliases: []string{"c"}, Usage: "configuration `FILE`; or the environment variable MAGENTO_OPTIPLY_CONFIG (default: ./" + defaultConfig + ")"},
		{Name: "log-level", Usage: "`LEVEL`: debug, info, warn or error (default: info)"},
		{Name: "log-format", Usage: "`FORMAT`: auto, text or json; auto is text"},
		{Name: "progress", Usage: "`WHEN`: auto, always or never; auto draws bars on a terminal"},
	}
	var list []cli.Flag
	for _, f := range flags {
		f.Category = globalCategory
		list = append(list, f)
	}
	return list
}

// global is the value of a global option, given before or behind the command's name; the latter wins.
func global(c *cli.Context, name, fallback string) string {
	for _, ctx := range c.Lineage() {
		if slices.Contains(ctx.LocalFlagNames(), name) {
			return ctx.String(name)
		}
	}
	return fallback
}

// before reads the global options.
func (a *app) before(c *cli.Context) error {
	a.configPath = global(c, "config", "")
	a.configGiven = a.configPath != ""
	a.configFlag = a.configGiven
	if path, ok := a.env.LookupEnv("MAGENTO_OPTIPLY_CONFIG"); ok && !a.configGiven && path != "" {
		a.configPath, a.configGiven = path, true
	}
	if a.configPath == "" {
		a.configPath = defaultConfig
	}
	a.progress = global(c, "progress", "auto")
	if a.progress != "auto" && a.progress != "always" && a.progress != "never" {
		return usageError(fmt.Errorf("--progress %s: it is auto, always or never", a.progress))
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(global(c, "log-level", "info"))); err != nil {
		return usageError(fmt.Errorf("--log-level %s: it is debug, info, warn or error", global(c, "log-level", "")))
	}
	switch format := global(c, "log-format", "auto"); format {
	case "auto", "text":
		a.logJSON = false
		a.log = textLogger(a.env, level)
	case "json":
		a.logJSON = true
		a.log = slog.New(slog.NewJSONHandler(a.env.Stderr, &slog.HandlerOptions{Level: level}))
	default:
		return usageError(fmt.Errorf("--log-format %s: it is auto, text or json", format))
	}
	return nil
}

// needs says whom a command talks to; the configuration of the others may lack its secrets, which the person who looks
// into a night need not have.
type needs struct {
	magento, optiply bool
	fixtures         string
	recorded         *recording.Night // of the fixtures; nil where they are no recording
}

// loadConfig reads the configuration. Where there is no file, the embedded demo configuration serves a run over fixtures,
// and the commands that look at what such a run has left.
func (a *app) loadConfig(n needs) (*config.Config, error) {
	if !a.configGiven && !exists(a.configPath) {
		demo := config.Demo()
		if n.recorded != nil {
			a.log.Info("no configuration file: the settings of the recorded run are used, with the sandbox as Optiply")
			return n.recorded.Config()
		}
		if n.fixtures != "" {
			a.log.Info("no configuration file: the demo configuration is used, with the sandbox as Optiply")
			return demo, nil
		}
		if !n.magento && exists(filepath.Join(demo.DataDir, demo.Shop)) {
			return demo, nil
		}
	}
	cfg, err := config.Load(a.configPath, config.Options{Env: a.env.LookupEnv, NoMagento: !n.magento || n.fixtures != "", NoOptiply: !n.optiply})
	if err != nil {
		return nil, usageError(err)
	}
	return cfg, nil
}

// openShop reads the configuration and opens the shop's folder.
func (a *app) openShop(n needs) (*config.Config, *store.Shop, error) {
	cfg, err := a.loadConfig(n)
	if err != nil {
		return nil, nil, err
	}
	shop, err := store.Open(cfg.DataDir, cfg.Shop)
	if err == nil {
		shop.Limits = a.limits
	}
	return cfg, shop, err
}
