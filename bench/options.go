package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// options say what is measured.
type options struct {
	products, orders int
	latencies        []time.Duration
	workers          int   // requests at a time, to the shop and to Optiply
	skus             int   // stock asked for one by one
	changes          int   // products, and as many orders, that are loaded
	growth           []int // products, with 3 orders for 10 of them
	only             []string
	program          []string // how the program is started; empty: it is built
	dir              string   // scratch, made and removed
	out, plot        string   // files; empty: only the table on stdout
	keep             bool
}

// scenarios are the names that -only takes.
func scenarios() []string { return []string{"extract", "stock", "night", "load", "start", "growth"} }

func parseOptions(args []string) (*options, error) {
	o := &options{}
	var latencies, growth, only, program string
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.IntVar(&o.products, "products", 100_000, "products of the shop")
	f.IntVar(&o.orders, "orders", 300_000, "orders of the shop")
	f.StringVar(&latencies, "latency", "0,20ms,100ms", "what the shop and Optiply wait before each answer")
	f.IntVar(&o.workers, "workers", 4, "requests at a time")
	f.IntVar(&o.skus, "skus", 4000, "products whose stock is asked for one by one, with 8 workers at 20 ms")
	f.IntVar(&o.changes, "changes", 1000, "products, and as many orders, that are sent to Optiply")
	f.StringVar(&growth, "growth", "", "numbers of products for the growth of a night, with 3 orders for 10 of them, such as 10000,100000,1000000")
	f.StringVar(&only, "only", "", "only these: "+strings.Join(scenarios(), ", "))
	f.StringVar(&program, "program", "", "the program's binary; empty: it is built")
	f.StringVar(&o.dir, "dir", "", "scratch folder; empty: a temporary one")
	f.StringVar(&o.out, "out", "", "write the results to this file, such as bench/RESULTS.md")
	f.StringVar(&o.plot, "plot", "", "draw the growth into this file, such as bench/growth.svg")
	f.BoolVar(&o.keep, "keep", false, "leave the scratch folder")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("there are no arguments, and %q was given", f.Arg(0))
	}
	for _, s := range fields(latencies) {
		d, err := time.ParseDuration(s)
		if s == "0" {
			d, err = 0, nil
		}
		if err != nil || d < 0 {
			return nil, fmt.Errorf("-latency %s: it is a time such as 20ms", s)
		}
		o.latencies = append(o.latencies, d)
	}
	for _, s := range fields(growth) {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("-growth %s: it is a number of products", s)
		}
		o.growth = append(o.growth, n)
	}
	for _, s := range fields(only) {
		if !slices.Contains(scenarios(), s) {
			return nil, fmt.Errorf("-only %s: there are %s", s, strings.Join(scenarios(), ", "))
		}
		o.only = append(o.only, s)
	}
	if program != "" {
		o.program = []string{program}
	}
	if o.products < 1 || o.orders < 0 || o.workers < 1 || o.skus < 1 || o.changes < 1 || len(o.latencies) == 0 {
		return nil, errors.New("sizes, -workers and -latency have to be given")
	}
	return o, nil
}

func fields(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

func (o *options) wants(scenario string) bool {
	return len(o.only) == 0 || slices.Contains(o.only, scenario)
}

// scratch makes the folder that everything happens in.
func (o *options) scratch() (remove func(), err error) {
	if o.dir != "" {
		return func() {}, os.MkdirAll(o.dir, 0o750)
	}
	if o.dir, err = os.MkdirTemp("", "bench-*"); err != nil || o.keep {
		return func() {}, err
	}
	return func() { _ = os.RemoveAll(o.dir) }, nil
}
