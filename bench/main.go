// Command bench measures magento-optiply against its floors: the same bytes fetched by net/http and thrown away, DuckDB alone
// over the same files, the same requests sent by a plain client. Ratios to a floor of the same run can be compared between
// machines; seconds cannot.
//
// The shop, Optiply, the program and each floor are processes of their own, so that CPU time and peak memory are those of the
// process that is meant. Peak memory is VmHWM of the whole process, DuckDB's included.
//
//	go run ./bench                            # 100,000 products, 300,000 orders
//	go run ./bench -products 1000 -orders 300 # a first look
//	go run ./bench -growth 10000,100000,1000000 -out bench/RESULTS.md
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run is the benchmark, or one of the processes that it is made of.
func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		if role, ok := roles()[args[0]]; ok {
			return role(ctx, args[1:])
		}
	}
	o, err := parseOptions(args)
	if err != nil {
		return err
	}
	return measureAll(ctx, o)
}

// roles are the processes beside the program, by their first argument.
func roles() map[string]func(context.Context, []string) error {
	return map[string]func(context.Context, []string) error{
		"serve-shop": serveShop, "serve-optiply": serveOptiply, // the two sides
		"plain-fetch": plainFetch, "plain-send": plainSend, "plain-query": plainQuery, // the floors
		"seed": seed, "weigh": weigh, // what is done to a run file, and told of it
	}
}
