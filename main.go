// Command magento-optiply takes a Magento 2 shop's catalogue, stock and sales into DuckDB every night, works out with SQL
// what Optiply should hold, and sends only the difference.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"

	"magento-optiply/commands"
)

// version is set at build time with -ldflags "-X main.version=...".
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal ends what is in flight; from then on a second one kills at once.
	context.AfterFunc(ctx, stop)
	width, _, _ := term.GetSize(int(os.Stderr.Fd()))
	os.Exit(commands.Run(ctx, commands.Env{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		StdoutTerminal: term.IsTerminal(int(os.Stdout.Fd())), StderrTerminal: term.IsTerminal(int(os.Stderr.Fd())), Width: width,
		LookupEnv: os.LookupEnv, Now: time.Now, Version: version,
	}, os.Args))
}
