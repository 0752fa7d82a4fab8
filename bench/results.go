package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/go-analyze/charts"
)

// results are what is written down.
type results struct {
	date      time.Time
	options   *options
	buildTime time.Duration
	binary    int64
	starts    []started
	rows      []result
	weights   []weighed
	growth    []measuredNight
}

type started struct {
	command string
	took    time.Duration
}

type weighed struct {
	products, orders int
	weight
}

func (r *results) begin(now time.Time, o *options) { r.date, r.options = now, o }

// write prints the page, and keeps it and the plot where they were asked for.
func (r *results) write() error {
	text := r.markdown()
	fmt.Fprint(os.Stdout, text)
	var err error
	if r.options.out != "" {
		err = os.WriteFile(r.options.out, []byte(text), 0o644)
	}
	if r.options.plot != "" && len(r.growth) > 1 {
		err = errors.Join(err, r.draw(r.options.plot))
	}
	return err
}

const header = `# Results of bench

Written by ` + "`go run ./bench`" + `; do not edit. Seconds are those of one run on one machine, whose shop, Optiply, program and floors share its cores;
what can be compared are the ratios. A floor was measured in the same run: *plain fetch* is net/http asking for the same pages, as many at a time, and
throwing them away; *plain client* sends the same writes without a ledger; *bare queries* are DuckDB alone reading the same page files into the same
columns (bench/sql/read.sql) and comparing the result with what Optiply holds (bench/sql/diff.sql), with the program's own limits. CPU is that of the
program's process alone, peak its VmHWM, DuckDB included.

`

// markdown is the whole page.
func (r *results) markdown() string {
	var b strings.Builder
	b.WriteString(header)
	fmt.Fprintf(&b, "%s, %s/%s, %d cores, %s of memory, %s. Latency is the wait of the shop or Optiply before each answer; %d requests at a time.\n\n",
		r.date.UTC().Format("2006-01-02 15:04 UTC"), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), memory(), runtime.Version(), r.options.workers)
	if r.binary > 0 {
		fmt.Fprintf(&b, "The binary has %s MB; its build took %.1f s with what it needs in the build cache.\n", megabytes(r.binary), r.buildTime.Seconds())
	}
	for _, s := range r.starts {
		fmt.Fprintf(&b, "`%s` took %d ms, the best of five (goal: under 50).\n", s.command, s.took.Milliseconds())
	}
	b.WriteString("\n| what | latency | rows | wall s | rows/s | MB/s | CPU s | rows/CPU s | peak MB | floor | floor wall s | floor CPU s | wall ratio | CPU ratio | goals |\n" +
		"|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, row := range r.rows {
		b.WriteString(row.line())
	}
	r.writeWeights(&b)
	r.writeGrowth(&b)
	return b.String()
}

func (r *results) writeWeights(b *strings.Builder) {
	if len(r.weights) == 0 {
		return
	}
	b.WriteString("\nOn the disk, MB. Parquet: the run file's tables, zstd; pages: the JSON as the shop sent it.\n\n" +
		"| products | orders | run file | pages | page files | Parquet | state | run file and pages to Parquet and pages (goal 1.5) | run file to Parquet |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, w := range r.weights {
		fmt.Fprintf(b, "| %s | %s | %s | %s | %d | %s | %s | %.2f | %.2f |\n", thousands(int64(w.products)), thousands(int64(w.orders)), megabytes(w.RunFile),
			megabytes(w.Pages), w.PageFiles, megabytes(w.Parquet), megabytes(w.State),
			ratio(float64(w.RunFile+w.Pages), float64(w.Parquet+w.Pages)), ratio(float64(w.RunFile), float64(w.Parquet)))
	}
}

func (r *results) writeGrowth(b *strings.Builder) {
	if len(r.growth) < 2 {
		return
	}
	b.WriteString("\nGrowth of a night without a change ([growth.svg](growth.svg)): time a product, and how it compares with the smallest shop (goal: at most 1.3).\n\n" +
		"| products | wall µs a product | CPU µs a product | beyond the reading, µs a product | wall | CPU |\n|---|---|---|---|---|---|\n")
	first := r.growth[0]
	for _, n := range r.growth {
		fmt.Fprintf(b, "| %s | %.1f | %.1f | %.1f | %.2f | %.2f |\n", thousands(int64(n.products)), each(n.cpu.Wall, n.products), each(n.cpu.CPU, n.products), each(n.rest, n.products),
			ratio(each(n.cpu.Wall, n.products), each(first.cpu.Wall, first.products)), ratio(each(n.cpu.CPU, n.products), each(first.cpu.CPU, first.products)))
	}
}

// each is microseconds a row.
func each(d time.Duration, rows int) float64 {
	return float64(d.Microseconds()) / float64(max(rows, 1))
}

func (r result) sentence() string {
	return fmt.Sprintf("%s, latency %v: %d rows, %.1f s, CPU %.1f s, peak %s MB; floor %.1f s, CPU %.1f s; ratios %.2f, %.2f", r.what, r.latency, r.rows,
		r.own.Wall.Seconds(), r.own.CPU.Seconds(), megabytes(r.own.Peak), r.floor.Wall.Seconds(), r.floor.CPU.Seconds(), r.wallRatio(), r.cpuRatio())
}

func (r result) wallRatio() float64 { return ratio(r.own.Wall.Seconds(), r.floor.Wall.Seconds()) }
func (r result) cpuRatio() float64  { return ratio(r.own.CPU.Seconds(), r.floor.CPU.Seconds()) }

func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

func (r result) line() string {
	seconds := func(d time.Duration) string { return orDash(d.Seconds(), 2) }
	cells := []string{r.what, r.latency.String(), thousands(r.rows), seconds(r.own.Wall), thousands(int64(ratio(float64(r.rows), r.own.Wall.Seconds()))),
		orDash(ratio(float64(r.bytes)/1e6, r.own.Wall.Seconds()), 1), seconds(r.own.CPU), thousands(int64(ratio(float64(r.rows), r.own.CPU.Seconds()))),
		orDash(float64(r.own.Peak)/1e6, 0), r.floorIs, seconds(r.floor.Wall), seconds(r.floor.CPU), orDash(r.wallRatio(), 2), orDash(r.cpuRatio(), 2), r.goals()}
	return "| " + strings.Join(cells, " | ") + " |\n"
}

// goals tells which goals a row has, and whether they are met.
func (r result) goals() string {
	var list []string
	goal := func(met bool, format string, args ...any) {
		verdict := "**missed** "
		if met {
			verdict = "met "
		}
		list = append(list, verdict+fmt.Sprintf(format, args...))
	}
	if r.most > 0 {
		goal(r.wallRatio() <= r.most, "wall ≤ %.2f", r.most)
	}
	if r.leastCPU > 0 {
		goal(ratio(float64(r.rows), r.own.CPU.Seconds()) >= r.leastCPU, "≥ %s rows/CPU s", thousands(int64(r.leastCPU)))
	}
	if r.memory {
		goal(r.own.Peak <= mostMemory, "≤ 500 MB")
	}
	return strings.Join(list, ", ")
}

func orDash(f float64, decimals int) string {
	if f == 0 {
		return "–"
	}
	return strconv.FormatFloat(f, 'f', decimals, 64)
}

func megabytes(n int64) string { return strconv.FormatFloat(float64(n)/1e6, 'f', 1, 64) }

// thousands writes 1,000,000.
func thousands(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// memory is how much the machine has; empty where the system does not tell.
func memory() string {
	text, err := os.ReadFile("/proc/meminfo")
	_, rest, ok := strings.Cut(string(text), "MemTotal:")
	if err != nil || !ok {
		return "an unknown amount"
	}
	kB, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	return fmt.Sprintf("%.0f GB", float64(kB)/1e6)
}

// draw plots the growth: microseconds a product by the size of the shop. Flat lines are what is wanted.
func (r *results) draw(path string) error {
	var labels []string
	values := make([][]float64, 3)
	for _, n := range r.growth {
		labels = append(labels, thousands(int64(n.products))+" products")
		for i, d := range []time.Duration{n.cpu.Wall, n.cpu.CPU, n.rest} {
			values[i] = append(values[i], each(d, n.products))
		}
	}
	p := charts.NewPainter(charts.PainterOptions{OutputFormat: charts.ChartOutputSVG, Width: 900, Height: 450})
	chart := charts.NewLineChartOptionWithData(values)
	chart.Title.Text = "A night without a change: µs a product"
	chart.Legend.SeriesNames = []string{"wall", "CPU", "wall beyond the reading"}
	chart.Legend.Offset = charts.OffsetStr{Top: "30"}
	chart.XAxis.Labels = labels
	zero := 0.0
	chart.YAxis = []charts.YAxisOption{{Min: &zero}}
	if err := p.LineChart(chart); err != nil {
		return err
	}
	svg, err := p.Bytes()
	if err != nil {
		return err
	}
	return os.WriteFile(path, svg, 0o644)
}
