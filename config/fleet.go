package config

import (
	"errors"
	"math"
	"regexp"
	"strings"
	"time"
)

// Fleet says how shops are shared out among machines. It is the same on each of them, beside the shops' own
// configurations, and no part of what a run keeps of its settings.
type Fleet struct {
	// Database is sqlite:PATH or a postgres:// address, which may hold a password.
	Database Secret
	// ConfigDir is the folder with the configurations of the shops that this machine may run.
	ConfigDir string
	// Host is this machine's name in the fleet, and that of its queue; empty means what the system calls it.
	Host string
	// Parallel is how many shops this machine runs at a time.
	Parallel int
	// Storage is where copies of the shops' folders go: a file:// or s3:// address; empty means nowhere.
	Storage string
	// KeepCopies is how many copies of a shop are kept.
	KeepCopies int
	// Lease is how long a shop stays this machine's when nothing is heard of it.
	Lease time.Duration
	// RetryWait is how long after a failure a shop is tried again; it doubles with each, up to an hour. Retries is how often.
	RetryWait time.Duration
	Retries   int
	// Grace is how long a run may go on when the worker is stopped, before it is parked.
	Grace time.Duration
}

// Schedule says when a shop is run, as cron expressions in UTC; empty means not by itself.
type Schedule struct {
	All, Products, Stocks, Deletions, SellOrders string
}

// Entry is one line of a schedule.
type Entry struct {
	Setting string // schedule.products
	Parts   string // as --only has them; empty means all
	Cron    string
}

// Entries are the lines of a schedule that are set.
func (s Schedule) Entries() []Entry {
	var list []Entry
	for _, e := range []Entry{
		{"schedule.all", "", s.All}, {"schedule.products", "products", s.Products}, {"schedule.stocks", "stocks", s.Stocks},
		{"schedule.deletions", "deletions", s.Deletions}, {"schedule.sell_orders", "sell_orders", s.SellOrders},
	} {
		if e.Cron != "" {
			list = append(list, e)
		}
	}
	return list
}

func defaultFleet() Fleet {
	return Fleet{ConfigDir: "./shops", Parallel: 2, KeepCopies: 3, Lease: 2 * time.Minute, RetryWait: time.Minute, Retries: 5, Grace: time.Minute}
}

// fleetSettings are the rows of the table of settings that are no run's.
func (c *Config) fleetSettings() []setting {
	f, s := &c.Fleet, &c.Schedule
	list := []setting{
		{name: "schedule.all", value: text(&s.All, oneLine)},
		{name: "schedule.products", value: text(&s.Products, oneLine)},
		{name: "schedule.stocks", value: text(&s.Stocks, oneLine)},
		{name: "schedule.deletions", value: text(&s.Deletions, oneLine)},
		{name: "schedule.sell_orders", value: text(&s.SellOrders, oneLine)},

		{name: "fleet.database", value: secret(&f.Database, fleetDatabase), secret: true},
		{name: "fleet.config_dir", value: text(&f.ConfigDir, notEmpty)},
		{name: "fleet.host", value: text(&f.Host, CheckHost)},
		{name: "fleet.parallel", value: whole(&f.Parallel, 1, 256)},
		{name: "fleet.storage", value: text(&f.Storage, fleetStorage), hidden: true},
		{name: "fleet.keep_copies", value: whole(&f.KeepCopies, 1, 1000)},
		{name: "fleet.lease", value: scalar[time.Duration]{&f.Lease, leaseOf, formatDuration}},
		{name: "fleet.retry_wait", value: duration(&f.RetryWait, false)},
		{name: "fleet.retries", value: whole(&f.Retries, 0, math.MaxInt16)},
		{name: "fleet.grace", value: duration(&f.Grace, true)},
	}
	for i := range list {
		list[i].apart = true
	}
	return list
}

var hostName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// CheckHost tells what is wrong with the name of a machine, which is that of its queue too.
func CheckHost(name string) error {
	if name != "" && (!hostName.MatchString(name) || len(name) > 63) {
		return errors.New("must be small letters and digits, with single - between them")
	}
	return nil
}

// minLease leaves a busy machine the time to renew a lease, which it does in every sixth part of it.
const minLease = 5 * time.Second

func leaseOf(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d < minLease {
		return 0, errors.New("must be a duration of 5s or longer, such as 2m")
	}
	return d, nil
}

// fleetDatabase looks at no more than the kind: the address is the driver's to read.
func fleetDatabase(text string) error {
	path, sqlite := strings.CutPrefix(text, "sqlite:")
	switch {
	case text == "":
		return nil
	case sqlite && path != "" && !strings.ContainsAny(path, "?%"):
		return nil
	case sqlite:
		return errors.New("must name a file after sqlite:, without ? and %")
	case strings.HasPrefix(text, "postgres://"), strings.HasPrefix(text, "postgresql://"):
		return nil
	}
	return errors.New("must be sqlite:PATH or postgres://USER@HOST/DATABASE")
}

func fleetStorage(text string) error {
	switch {
	case text == "", strings.HasPrefix(text, "file:///"), strings.HasPrefix(text, "s3://"):
		return nil
	}
	return errors.New("must be file:///PATH or s3://BUCKET?region=REGION")
}
