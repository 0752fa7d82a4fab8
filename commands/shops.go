package commands

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	"magento-optiply/config"
	"magento-optiply/store"
)

// shopsOptions are those of a run over several shops.
type shopsOptions struct {
	shops    string
	dir      string
	parallel int
	shard    string
	memory   string
	threads  int
}

func (o *shopsOptions) flags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "shop", Destination: &o.shops, Usage: "run these `SHOPS` of --config-dir, comma separated, or all"},
		&cli.StringFlag{Name: "config-dir", Destination: &o.dir, Usage: "`DIR` with one configuration a shop (*.yaml), for --shop"},
		&cli.IntFlag{Name: "parallel", Destination: &o.parallel, Value: 1, Usage: "with --shop: `N` shops at a time, each in a process of its own"},
		&cli.StringFlag{Name: "shard", Destination: &o.shard, Usage: "with --shop: only the part `I/N` of the shops, for several machines; a shop's part depends on its name alone"},
		&cli.StringFlag{Name: "memory-limit", Destination: &o.memory, Usage: fmt.Sprintf("`SIZE` that DuckDB may take, such as 512MB; --parallel shops share it (default: %dMB a shop, and 1GB in all)", store.MemoryLimitMB)},
		&cli.IntFlag{Name: "threads", Destination: &o.threads, Usage: "`N` threads that DuckDB may take; --parallel shops share them (default: one a core)"},
	}
}

// limits reads --memory-limit and --threads.
func (o *shopsOptions) limits() (l store.Limits, err error) {
	if o.threads < 0 {
		return l, usageError(fmt.Errorf("--threads %d: it is a number of threads, 1 or more", o.threads))
	}
	l.Threads = o.threads
	if o.memory != "" {
		l.MemoryMB, err = megabytes(o.memory)
	}
	return l, err
}

var memorySize = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?) ?([MG])i?B$`)

// minMemoryMB is what DuckDB needs to get through a small shop at all.
const minMemoryMB = 64

func megabytes(text string) (int, error) {
	m := memorySize.FindStringSubmatch(text)
	if m == nil {
		return 0, usageError(fmt.Errorf("--memory-limit %s: it is a size such as 512MB or 4GB", text))
	}
	value, err := strconv.ParseFloat(m[1], 64)
	if m[2] == "G" {
		value *= 1000
	}
	if err != nil || value < minMemoryMB || value > math.MaxInt32 {
		return 0, usageError(fmt.Errorf("--memory-limit %s: it is %dMB at the least", text, minMemoryMB))
	}
	return int(value), nil
}

// sharedMemoryMB is what several shops may take together, where nothing else is said. One takes no more of it than it does alone.
const sharedMemoryMB = 1000

// memoryAThread is how many MB a thread needs: a shop with more threads than that runs out of memory sooner than it is faster.
const memoryAThread = 100

// share divides what DuckDB may take among so many shops.
func share(all store.Limits, shops int) (store.Limits, error) {
	most := math.MaxInt
	if all.MemoryMB == 0 {
		all.MemoryMB, most = sharedMemoryMB, store.MemoryLimitMB
	}
	each := store.Limits{MemoryMB: min(all.MemoryMB/shops, most), Threads: max(1, all.Threads/shops)}
	if all.Threads == 0 {
		each.Threads = max(1, min(runtime.NumCPU()/shops, each.MemoryMB/memoryAThread))
	}
	if each.MemoryMB < minMemoryMB {
		return each, usageError(fmt.Errorf("--parallel %d leaves %d MB to a shop, and less than %d is too little: give --memory-limit %dMB or more, or run fewer at a time",
			shops, each.MemoryMB, minMemoryMB, minMemoryMB*shops))
	}
	return each, nil
}

// choose finds the configurations that --shop and --shard name.
func (o *shopsOptions) choose(env Env) ([]config.ShopFile, error) {
	if o.dir == "" {
		return nil, usageError(errors.New("--shop needs --config-dir: the folder with one configuration a shop"))
	}
	all, err := config.Folder(o.dir, env.LookupEnv)
	if err != nil {
		return nil, usageError(fmt.Errorf("--config-dir %w", err))
	}
	if len(all) == 0 {
		return nil, usageError(fmt.Errorf("--config-dir %s: there is no configuration in it, no file that ends in .yaml", o.dir))
	}
	chosen := all
	if o.shops != "all" {
		chosen = nil
		for _, name := range strings.Split(o.shops, ",") {
			name = strings.TrimSpace(name)
			at := slices.IndexFunc(all, func(f config.ShopFile) bool { return f.Shop == name })
			if at < 0 {
				return nil, usageError(fmt.Errorf("--shop %s: no configuration in %s is of that shop; there are %s", name, o.dir, names(all)))
			}
			for _, f := range all {
				if f.Shop == name && !slices.Contains(chosen, f) {
					chosen = append(chosen, f)
				}
			}
		}
	}
	return inShard(chosen, o.shard)
}

func names(list []config.ShopFile) string {
	var all []string
	for _, f := range list {
		all = append(all, f.Shop)
	}
	all = slices.Compact(all)
	if len(all) > 20 {
		all = append(all[:20], fmt.Sprintf("%d more", len(all)-20))
	}
	return strings.Join(all, ", ")
}

var shardText = regexp.MustCompile(`^([0-9]{1,4})/([0-9]{1,4})$`)

// inShard keeps one of n parts. A shop's part is a hash of its name, so that shops that come and go move no other, and
// machines need not know of one another.
func inShard(list []config.ShopFile, shard string) ([]config.ShopFile, error) {
	if shard == "" {
		return list, nil
	}
	m := shardText.FindStringSubmatch(shard)
	if m == nil {
		return nil, usageError(fmt.Errorf("--shard %s: it is I/N, such as 1/3 for the first of three machines", shard))
	}
	part, _ := strconv.Atoi(m[1])
	of, _ := strconv.Atoi(m[2])
	if part < 1 || part > of {
		return nil, usageError(fmt.Errorf("--shard %s: the parts are 1/%d to %d/%d", shard, of, of, of))
	}
	return slices.DeleteFunc(slices.Clone(list), func(f config.ShopFile) bool { return shardOf(f.Shop, of) != part }), nil
}

// shardOf is a shop's part, from 1 to n.
func shardOf(shop string, n int) int {
	h := fnv.New64a()
	_, _ = h.Write([]byte(shop))
	return int(h.Sum64()%uint64(n)) + 1
}

// runShops runs each shop as a process of its own, so many at a time. One shop's end is none of the others'. The processes know
// of a deadline by args; here it keeps a shop whose turn comes after it from being begun.
func (a *app) runShops(ctx context.Context, o *shopsOptions, args []string, deadline time.Time) error {
	if o.parallel < 1 {
		return usageError(fmt.Errorf("--parallel %d: it is a number of shops, 1 or more", o.parallel))
	}
	if a.configFlag {
		return usageError(errors.New("--config is one shop's, and --shop takes each shop's from --config-dir: leave one of them out"))
	}
	list, err := o.choose(a.env)
	if err != nil {
		return err
	}
	all, err := o.limits()
	if err != nil {
		return err
	}
	each, err := share(all, max(1, min(o.parallel, len(list))))
	if err != nil {
		return err
	}
	defer a.underWay(ctx, keepsShops)()
	args = append(args, "--memory-limit", fmt.Sprintf("%dMB", each.MemoryMB), "--threads", strconv.Itoa(each.Threads))
	report := &shopsReport{app: a, Type: "shops", start: a.env.Now(), Shops: len(list), Codes: map[string]int{}}
	report.progress = newProgress(a.env, a.progress, a.log)
	defer report.progress.Close()
	report.progress.Begin(shopsStream, int64(len(list)))
	turns := make(chan struct{}, o.parallel)
	var running sync.WaitGroup
	for _, file := range list {
		select {
		case turns <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			report.add(file.Shop, childResult{code: exitInterrupted, said: "not begun"})
			continue
		}
		if !deadline.IsZero() && !a.env.Now().Before(deadline) {
			report.add(file.Shop, childResult{code: exitDeadline, said: "not begun"})
			<-turns
			continue
		}
		running.Go(func() {
			defer func() { <-turns }()
			report.add(file.Shop, a.runOne(ctx, file, args))
		})
	}
	running.Wait()
	report.progress.Close()
	return report.end(ctx)
}

// runOne is one shop of several.
func (a *app) runOne(ctx context.Context, file config.ShopFile, args []string) childResult {
	if file.Err != nil {
		return childResult{code: exitUsage, said: file.Err.Error()}
	}
	c := &child{app: a, shop: file.Shop, config: file.Path, args: args}
	return c.run(ctx)
}

// worst are the exit codes in the order in which one of several shops decides that of all: what a person must look at first
// comes first. A code that is not named here counts as failed.
func worst() []int {
	return []int{exitInterrupted, exitFailed, exitUsage, exitLocked, exitDeadline, exitHeldBack, exitIncomplete, exitDone}
}

// gravity is a code's place in worst.
func gravity(code int) int {
	if i := slices.Index(worst(), code); i >= 0 {
		return i
	}
	return slices.Index(worst(), exitFailed)
}

// shopsReport counts how the shops ended. As JSON it is the last line on stderr; its fields are a contract.
type shopsReport struct {
	Type     string         `json:"type"` // "shops"
	ExitCode int            `json:"exit_code"`
	Shops    int            `json:"shops"`
	Codes    map[string]int `json:"codes"` // shops by exit code
	Sent     int64          `json:"sent"`  // changes that Optiply acknowledged
	LeftOut  int64          `json:"left_out"`
	Seconds  float64        `json:"seconds"`

	app      *app
	progress *progress
	start    time.Time
	mu       sync.Mutex
	ended    []endedShop
}

type endedShop struct {
	name string
	childResult
}
