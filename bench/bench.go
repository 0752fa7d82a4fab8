package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// bench measures, and keeps what it measured.
type bench struct {
	*options
	self    string
	results results
	removed int // folders put aside
}

// result is a row of the table: what the program took, and what its floor did in the same run.
type result struct {
	what     string
	latency  time.Duration
	rows     int64
	bytes    int64 // unpacked, as the shop sent them; 0 where there are none
	own      usage
	floor    usage
	floorIs  string
	most     float64 // the goal, a ratio of wall time to the floor; 0: none
	leastCPU float64 // the goal in rows a CPU second; 0: none
	memory   bool    // the goal of 500 MB holds for it
}

func (b *bench) add(r result) {
	b.results.rows = append(b.results.rows, r)
	fmt.Fprintln(os.Stderr, "bench:", r.sentence())
}

// measureAll runs the scenarios that were asked for, and writes the results.
func measureAll(ctx context.Context, o *options) error {
	remove, err := o.scratch()
	if err != nil {
		return err
	}
	defer remove()
	defer os.RemoveAll(filepath.Join(o.dir, "removed"))
	b := &bench{options: o}
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	b.results.begin(time.Now(), o)
	if err := b.build(ctx); err != nil {
		return err
	}
	if err := b.scenarios(ctx); err != nil {
		return err
	}
	return b.results.write()
}

// scenarios runs those that were asked for.
func (b *bench) scenarios(ctx context.Context) error {
	for _, s := range []struct {
		name string
		run  func(context.Context) error
	}{{"start", b.start}, {"extract", b.extract}, {"stock", b.stock}, {"night", b.night}, {"load", b.load}, {"growth", b.grow}} {
		if !b.wants(s.name) {
			continue
		}
		if err := s.run(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// build makes the program from the module that this is run in, and notes its size. The time is that of linking where the
// packages are in the build cache already.
func (b *bench) build(ctx context.Context) error {
	if len(b.program) > 0 {
		return nil
	}
	path := filepath.Join(b.dir, "magento-optiply")
	began := time.Now()
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, "magento-optiply")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the program: %w\n%s", err, out)
	}
	b.results.buildTime = time.Since(began)
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	b.results.binary = info.Size()
	b.program = []string{path}
	return nil
}

// sized are the flags of a shop.
func sized(products, orders int, latency time.Duration, more ...string) []string {
	return append([]string{"serve-shop", "-products", strconv.Itoa(products), "-orders", strconv.Itoa(orders), "-latency", latency.String()}, more...)
}

func (b *bench) serve(ctx context.Context, args ...string) (*server, error) {
	return startServer(ctx, append([]string{b.self}, args...)...)
}

// folder is a shop's folder: its configuration, and its data.
type folder struct {
	*bench
	dir string
}

// newFolder configures the program for two servers. more are lines of the section magento; an Optiply that is not there is
// never asked.
func (b *bench) newFolder(name string, shop, optiply *server, workers int, sync string, more ...string) (*folder, error) {
	f := &folder{b, filepath.Join(b.dir, name)}
	if err := os.MkdirAll(f.dir, 0o750); err != nil {
		return nil, err
	}
	base := "http://127.0.0.1:9"
	if optiply != nil {
		base = optiply.url
	}
	text := fmt.Sprintf(`shop: bench
data_dir: data
magento:
  store_url: %s
  access_token: any
  start_date: 2022-01-01
  full_every: 0
  retry_wait: 1s
  concurrency: %d
%soptiply:
  base_url: %s/v1
  dashboard_url: %s/api
  client_id: bench
  client_secret: bench
  username: bench
  password: bench
  account_id: 98
  coupling_id: 4711
  concurrency: %d
  requests_per_second: 0
%s`, shop.url, workers, indented(more), base, base, workers, section("sync", sync))
	return f, os.WriteFile(filepath.Join(f.dir, "magento-optiply.yaml"), []byte(text), 0o600)
}

func indented(lines []string) string {
	var text strings.Builder
	for _, line := range lines {
		text.WriteString("  " + line + "\n")
	}
	return text.String()
}

func section(name, line string) string {
	if line == "" {
		return ""
	}
	return name + ":\n  " + line + "\n"
}

func (f *folder) data() string { return filepath.Join(f.dir, "data") }

// summary is the program's own word of how a command went.
type summary struct {
	Type    string             `json:"type"`
	Seconds map[string]float64 `json:"seconds"`
	Streams []struct {
		Name, Part     string
		Rows, Requests int64
	} `json:"streams"`
	Changes []struct{ Planned, Done int64 } `json:"changes"`
}

// run runs a command of the program.
func (f *folder) run(ctx context.Context, args ...string) (s summary, u usage, err error) {
	command := append(append([]string{}, f.program...), append([]string{"--log-format", "json", "--progress", "never"}, args...)...)
	talk, u, err := measured(ctx, f.dir, nil, command...)
	if err != nil {
		return s, u, err
	}
	for _, line := range strings.Split(strings.TrimSpace(string(talk)), "\n") {
		if strings.Contains(line, `"type":"summary"`) {
			err = json.Unmarshal([]byte(line), &s)
		}
	}
	return s, u, err
}

// role runs another role of this program on the folder's data.
func (f *folder) role(ctx context.Context, stdin []byte, args ...string) ([]byte, usage, error) {
	return measured(ctx, f.dir, stdin, append([]string{f.self}, args...)...)
}

// fetchFloor asks a shop once more for what it was asked, plainly.
func (f *folder) fetchFloor(ctx context.Context, shop *server, workers int, which func(asked) bool) (bytes int64, u usage, err error) {
	list, err := shop.asked(ctx)
	if err != nil {
		return 0, u, err
	}
	var kept []asked
	for _, a := range list {
		if which == nil || which(a) {
			kept = append(kept, a)
		}
	}
	stdin, err := json.Marshal(kept)
	if err != nil {
		return 0, u, err
	}
	out, u, err := f.role(ctx, stdin, "plain-fetch", "-base", shop.url, "-workers", strconv.Itoa(workers))
	if err != nil {
		return 0, u, err
	}
	_, err = shop.asked(ctx) // which the floor asked
	bytes, perr := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	return bytes, u, errors.Join(err, perr)
}
