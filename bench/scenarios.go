package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"magento-optiply/transform"
)

// The goals, and what the incumbent reaches a CPU second.
const (
	mostOfFetch, mostOfStock, mostOfQuery, mostOfSend = 1.5, 1.1, 2.0, 1.15
	leastProducts, leastOrders                        = 15 * 2800, 15 * 930
	mostMemory                                        = 500_000_000
)

// start measures what a person waits for before anything is done. The history is asked for in a folder with a state.
func (b *bench) start(ctx context.Context) (err error) {
	shop, err := b.serve(ctx, sized(10, 1, 0)...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shop.close()) }()
	f, err := b.newFolder("start", shop, nil, 1, "")
	if err != nil {
		return err
	}
	if _, _, err := f.run(ctx, "extract", "--streams", "products"); err != nil {
		return err
	}
	for _, command := range []string{"--help", "runs"} {
		best := time.Hour
		for range 5 {
			_, u, err := measured(ctx, f.dir, nil, append(append([]string{}, b.program...), command)...)
			if err != nil {
				return err
			}
			best = min(best, u.Wall)
		}
		b.results.starts = append(b.results.starts, started{command, best})
	}
	return nil
}

// shortReading is up to how many rows, without latency, a reading is over in two seconds and more, so that it is measured
// several times, each with a floor of its own: what a shared machine does meanwhile is a tenth of it.
const (
	shortReading = 100_000
	shortPairs   = 5
)

// extract reads one stream at a time, with fields= and from a shop that does not know it.
func (b *bench) extract(ctx context.Context) error {
	for _, whole := range []bool{false, true} {
		for _, latency := range b.latencies {
			if whole && latency > 0 {
				continue
			}
			if err := b.extractFrom(ctx, whole, latency); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) extractFrom(ctx context.Context, whole bool, latency time.Duration) (err error) {
	shop, err := b.serve(ctx, sized(b.products, b.orders, latency, fmt.Sprintf("-whole=%t", whole))...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shop.close()) }()
	for _, s := range []struct {
		stream string
		rows   int
		least  float64
	}{{"products", b.products, leastProducts}, {"orders", b.orders, leastOrders}} {
		if s.rows == 0 {
			continue
		}
		f, err := b.newFolder("extract-"+s.stream, shop, nil, b.workers, "")
		if err != nil {
			return err
		}
		if err := f.knowProducts(ctx, shop); err != nil {
			return err
		}
		what, pairs := "extract "+s.stream+", fields=", 1
		if whole {
			what = "extract " + s.stream + ", whole records"
		}
		if latency == 0 && s.rows <= shortReading {
			pairs = shortPairs
			what += fmt.Sprintf(" (the middle one of %d pairs)", pairs)
		}
		var all []result
		for range pairs {
			r := result{what: what, latency: latency, floorIs: "plain fetch", most: mostOfFetch, leastCPU: s.least}
			if err := f.extractOnce(ctx, shop, s.stream, s.rows, &r); err != nil {
				return fmt.Errorf("%s: %w", what, err)
			}
			all = append(all, r)
		}
		slices.SortFunc(all, func(r, s result) int { return cmp.Compare(r.wallRatio(), s.wallRatio()) })
		b.add(all[len(all)/2])
		if err := f.remove(); err != nil {
			return err
		}
	}
	return nil
}

// extractOnce reads a stream of so many rows, and then the same plainly.
func (f *folder) extractOnce(ctx context.Context, shop *server, name string, rows int, r *result) error {
	sum, own, err := f.run(ctx, "extract", "--streams", name)
	if err != nil {
		return err
	}
	for _, stream := range sum.Streams {
		if stream.Name == name {
			r.rows += stream.Rows
		}
	}
	if r.rows != int64(rows) {
		return fmt.Errorf("%d rows were read, and the shop has %d", r.rows, rows)
	}
	r.own = own
	r.bytes, r.floor, err = f.fetchFloor(ctx, shop, f.workers, nil)
	return err
}

// knowProducts lets the state know all products, so that reading orders is reading orders.
func (f *folder) knowProducts(ctx context.Context, shop *server) error {
	if _, _, err := f.run(ctx, "extract", "--streams", "websites"); err != nil {
		return err
	}
	if _, _, err := f.role(ctx, nil, "seed", "-data", f.data(), "-ids", strconv.Itoa(f.products)); err != nil {
		return err
	}
	_, err := shop.asked(ctx)
	return err
}

// stock asks for one SKU after another, as shops without the bulk listings need it.
func (b *bench) stock(ctx context.Context) (err error) {
	const workers, latency = 8, 20 * time.Millisecond
	shop, err := b.serve(ctx, sized(b.skus*3/2, 0, latency)...) // not each product is simple and enabled
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shop.close()) }()
	f, err := b.newFolder("stock", shop, nil, workers, "stock_bulk: off")
	if err != nil {
		return err
	}
	if _, _, err := f.run(ctx, "extract", "--streams", "products,stock_statuses"); err != nil {
		return err
	}
	talk, _, err := measured(ctx, f.dir, nil, append(append([]string{}, b.program...), "sql", "--format", "csv",
		"SELECT seconds, requests FROM run.streams WHERE stream = 'stock_statuses' AND part = 'skus'")...)
	if err != nil {
		return err
	}
	_, line, _ := strings.Cut(strings.TrimSpace(string(talk)), "\n")
	seconds, requests, _ := strings.Cut(line, ",")
	took, err := strconv.ParseFloat(seconds, 64)
	if err != nil {
		return err
	}
	rows, err := strconv.ParseInt(strings.TrimSpace(requests), 10, 64)
	if err != nil {
		return err
	}
	bytes, floor, err := f.fetchFloor(ctx, shop, workers, func(a asked) bool { return strings.Contains(a.URL, "/stockStatuses/") })
	if err != nil {
		return err
	}
	b.add(result{what: "stock one by one, 8 workers (the stream's own time)", latency: latency, rows: rows, bytes: bytes,
		own: usage{Wall: time.Duration(took * float64(time.Second))}, floor: floor, floorIs: "plain fetch", most: mostOfStock})
	return f.remove()
}

// load sends creates, with the ledger; its floor sends the same ones.
func (b *bench) load(ctx context.Context) error {
	for _, latency := range b.latencies {
		if err := b.loadAt(ctx, latency); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) loadAt(ctx context.Context, latency time.Duration) (err error) {
	shop, err := b.serve(ctx, sized(b.changes, b.changes, 0)...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, shop.close()) }()
	optiply, err := b.serve(ctx, "serve-optiply", "-latency", latency.String())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, optiply.close()) }()
	f, err := b.newFolder("load", shop, optiply, b.workers, "")
	if err != nil {
		return err
	}
	for _, command := range []string{"extract", "transform"} {
		if _, _, err := f.run(ctx, command); err != nil {
			return err
		}
	}
	sum, own, err := f.run(ctx, "load")
	if err != nil {
		return err
	}
	writes, err := optiply.asked(ctx)
	if err != nil {
		return err
	}
	var done int64
	for _, c := range sum.Changes {
		done += c.Done
	}
	if done != int64(len(writes)) || done == 0 {
		return fmt.Errorf("%d changes are done by %d writes", done, len(writes))
	}
	fresh, err := b.serve(ctx, "serve-optiply", "-latency", latency.String())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fresh.close()) }()
	stdin, err := json.Marshal(append([]asked{{}}, writes...))
	if err != nil {
		return err
	}
	_, floor, err := f.role(ctx, stdin, "plain-send", "-base", fresh.url, "-workers", strconv.Itoa(b.workers))
	if err != nil {
		return err
	}
	b.add(result{what: "load products and orders, ledger durable", latency: latency, rows: done, own: own, floor: floor, floorIs: "plain client", most: mostOfSend})
	return f.remove()
}

// night reads, transforms and loads together: a first night, without sending, and then one in which nothing has changed.
func (b *bench) night(ctx context.Context) error {
	n, err := b.nightOf(ctx, b.products, b.orders)
	if err != nil {
		return err
	}
	for _, r := range n.results {
		b.add(r)
	}
	b.results.weights = append(b.results.weights, n.weighed)
	return nil
}

// grow is the growth of a night.
func (b *bench) grow(ctx context.Context) error {
	for _, products := range b.growth {
		n, err := b.nightOf(ctx, products, products*3/10)
		if err != nil {
			return err
		}
		for _, r := range n.results {
			b.add(r)
		}
		b.results.growth = append(b.results.growth, n)
		b.results.weights = append(b.results.weights, n.weighed)
	}
	return nil
}

// measuredNight is one size's nights.
type measuredNight struct {
	products int
	results  []result
	rest     time.Duration // of the unchanged night, beyond its reading
	cpu      usage         // of the unchanged night
	weighed  weighed
}

func (b *bench) nightOf(ctx context.Context, products, orders int) (n measuredNight, err error) {
	n.products = products
	shop, err := b.serve(ctx, sized(products, orders, 0)...)
	if err != nil {
		return n, err
	}
	defer func() { err = errors.Join(err, shop.close()) }()
	optiply, err := b.serve(ctx, "serve-optiply")
	if err != nil {
		return n, err
	}
	defer func() { err = errors.Join(err, optiply.close()) }()
	f, err := b.newFolder(fmt.Sprintf("night-%d", products), shop, optiply, b.workers, "")
	if err != nil {
		return n, err
	}
	name := func(what string) string {
		return fmt.Sprintf("%s, %s products and %s orders", what, thousands(int64(products)), thousands(int64(orders)))
	}
	rows := int64(products + orders)

	if err := b.first(ctx, f, shop, &n, name("first night, nothing sent"), rows); err != nil {
		return n, err
	}
	if _, _, err := f.role(ctx, nil, "seed", "-data", f.data()); err != nil {
		return n, err
	}
	if err := f.forget(); err != nil {
		return n, err
	}

	// One by one, as it is done by hand: the first transformation of a run, and the same again, which keeps the tables of the first
	// until it has ended.
	if _, _, err := f.run(ctx, "extract"); err != nil {
		return n, err
	}
	if _, err := shop.asked(ctx); err != nil {
		return n, err
	}
	syscall.Sync() // the page files, a gigabyte, are still being written
	_, own, err := f.run(ctx, "transform")
	if err != nil {
		return n, err
	}
	_, again, err := f.run(ctx, "transform")
	if err != nil {
		return n, err
	}
	var query usage
	for _, file := range []string{"read.sql", "diff.sql"} {
		_, u, err := f.role(ctx, nil, "plain-query", "-data", f.data(), "-file", file)
		if err != nil {
			return n, err
		}
		query = query.plus(u)
	}
	for _, r := range []result{{what: name("transform and diff"), own: own, most: mostOfQuery}, {what: name("the same again, in one transaction"), own: again}} {
		r.rows, r.floor, r.floorIs, r.memory = rows, query, "bare queries: read and diff", true
		n.results = append(n.results, r)
	}
	if err := f.forget(); err != nil {
		return n, err
	}

	sum, own, err := f.run(ctx, "run")
	if err != nil {
		return n, err
	}
	bytes, floor, err := f.fetchFloor(ctx, shop, b.workers, nil)
	if err != nil {
		return n, err
	}
	n.rest, n.cpu = own.Wall-time.Duration(sum.Seconds["extract"]*float64(time.Second)), own
	n.results = append(n.results, result{what: name("night without a change"), rows: rows, bytes: bytes, own: own, floor: floor, floorIs: "plain fetch", memory: true})
	n.results = append(n.results, result{what: name("of that, beyond the reading"), rows: rows, own: usage{Wall: n.rest}})

	out, _, err := f.role(ctx, nil, "weigh", "-data", f.data())
	if err != nil {
		return n, err
	}
	n.weighed.products, n.weighed.orders = products, orders
	if err := json.Unmarshal(out, &n.weighed.weight); err != nil {
		return n, err
	}
	return n, f.remove()
}

// first brings a shop to where nothing changes any more. A first night is measured where it is one that happens: a shop of a
// million products is taken over, because its products are in Optiply already. There the plan is left empty.
func (b *bench) first(ctx context.Context, f *folder, shop *server, n *measuredNight, name string, rows int64) error {
	if n.products <= mostFirst {
		_, own, err := f.run(ctx, "run", "--dry-run")
		if err != nil {
			return err
		}
		n.results = append(n.results, result{what: name, rows: rows, own: own, memory: true})
		_, err = shop.asked(ctx)
		return err
	}
	if _, _, err := f.run(ctx, "extract"); err != nil {
		return err
	}
	if _, err := shop.asked(ctx); err != nil {
		return err
	}
	overlay := filepath.Join(f.dir, "without-a-plan")
	if err := os.MkdirAll(overlay, 0o750); err != nil {
		return err
	}
	for _, name := range []string{"320_diff_products.sql", "330_diff_sell_orders.sql"} {
		text, err := fs.ReadFile(transform.SQL(), name)
		if err != nil {
			return err
		}
		empty := strings.TrimSuffix(strings.TrimSpace(string(text)), ";") + "\nLIMIT 0;\n"
		if err := os.WriteFile(filepath.Join(overlay, name), []byte(empty), 0o600); err != nil {
			return err
		}
	}
	_, _, err := f.run(ctx, "transform", "--sql", overlay)
	return err
}

// mostFirst is the largest shop that has a first night.
const mostFirst = 200_000

// remove puts the folder aside, unless it is to be kept.
func (f *folder) remove() error {
	if f.keep {
		return nil
	}
	return f.aside(f.dir)
}

// forget puts the runs aside.
func (f *folder) forget() error { return f.aside(filepath.Join(f.data(), "bench", "runs")) }

// aside moves a folder to where it is removed when all is measured: for minutes after thousands of files were deleted, ext4 looks
// at each of their inodes for every file that is made (recently_deleted), which took a third of an extraction's CPU time.
func (b *bench) aside(dir string) error {
	b.removed++
	to := filepath.Join(b.dir, "removed", strconv.Itoa(b.removed))
	if err := os.MkdirAll(filepath.Dir(to), 0o750); err != nil {
		return err
	}
	return os.Rename(dir, to)
}
