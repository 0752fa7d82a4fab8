package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"magento-optiply/commands"
)

// TestMain is the program and the other processes too, so that nothing has to be built.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		if os.Args[1] == "program" {
			os.Exit(commands.Run(context.Background(), commands.System("bench", ""), os.Args[1:]))
		}
		if role, ok := roles()[os.Args[1]]; ok {
			if err := role(context.Background(), os.Args[2:]); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
			os.Exit(0)
		}
	}
	os.Exit(m.Run())
}

func TestBench_MeasuresEachScenarioAndItsFloor(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the program some dozens of times")
	}
	t.Parallel()
	test, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	o, err := parseOptions([]string{"-products", "100", "-orders", "20", "-latency", "0", "-workers", "2", "-skus", "20", "-changes", "20", "-growth", "50,100", "-only", "start,extract,stock,load,growth",
		"-dir", t.TempDir(), "-out", filepath.Join(t.TempDir(), "RESULTS.md"), "-plot", filepath.Join(t.TempDir(), "growth.svg")})
	if err != nil {
		t.Fatal(err)
	}
	o.program = []string{test, "program"}
	b := &bench{options: o, self: test}
	b.results.begin(time.Now(), o)
	if err := b.scenarios(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := b.results.write(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(o.out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"extract products, fields=", "extract orders, whole records", "stock one by one", "first night", "night without a change, 100 products",
		"transform and diff", "load products and orders", "`runs` took", "Parquet", "µs a product"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the results do not tell of %q:\n%s", want, text)
		}
	}
	for _, r := range b.results.rows {
		if r.own.Wall <= 0 || r.rows == 0 || r.floorIs != "" && r.floor.CPU <= 0 {
			t.Errorf("not measured: %+v", r)
		}
		if r.memory && vmHWM(os.Getpid()) > 0 && r.own.Peak < 10<<20 {
			t.Errorf("a peak of %d bytes is none: %+v", r.own.Peak, r)
		}
	}
	if svg, err := os.ReadFile(o.plot); err != nil || !strings.Contains(string(svg), "<svg") {
		t.Errorf("the plot is none: %v", err)
	}
}

func TestOptions_NameWhatCannotBeMeasured(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ args, want string }{
		{"-latency soon", "-latency soon"},
		{"-only nothing", "-only nothing: there are extract, stock"},
		{"-growth 10,x", "-growth x"},
		{"-products 0", "sizes"},
		{"more", "no arguments"},
	} {
		if _, err := parseOptions(strings.Fields(test.args)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", test.args, err)
		}
	}
}

func TestResults_SayWhichGoalsAreMissed(t *testing.T) {
	t.Parallel()
	r := result{what: "x", rows: 1000, own: usage{Wall: 3 * time.Second, CPU: 2 * time.Second, Peak: 600 << 20}, floor: usage{Wall: time.Second, CPU: time.Second},
		most: 1.5, leastCPU: 400, memory: true}
	if got := r.goals(); got != "**missed** wall ≤ 1.50, met ≥ 400 rows/CPU s, **missed** ≤ 500 MB" {
		t.Errorf("goals: %s", got)
	}
}
