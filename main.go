// Command magento-optiply takes a Magento 2 shop's catalogue, stock and sales into DuckDB every night, works out with SQL
// what Optiply should hold, and sends only the difference.
package main

import (
	"context"
	"io"
	"log"
	"os"

	"magento-optiply/commands"
)

// version is set at build time with -ldflags "-X main.version=...".
var version = "dev"

// commit is set likewise; where it is not, what the Go tool has noted counts.
var commit string

func main() {
	// net/http writes to this log what a server sends beyond the length that it promised: customers, perhaps (invariant 6).
	log.SetOutput(io.Discard)
	env := commands.System(version, commit)
	// The first signal ends the work after what is in flight, and leaves a run that can be resumed; a second one stops at once.
	ctx := env.Signals.Watch(context.Background(), env.Exit)
	os.Exit(commands.Run(ctx, env, os.Args))
}
