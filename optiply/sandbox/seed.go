package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"
)

// Given is a product or a sell order that Optiply holds already: its attributes as a create would send them. Lines of orders
// are not known where a sandbox is seeded from, and are left out.
type Given struct {
	ID         int64
	UUID       string // made up when it is empty
	RemoteID   string
	Attributes map[string]json.RawMessage
}

// Seeding is what a sandbox begins with.
type Seeding struct {
	AccountID, CouplingID int64
	Now                   time.Time
	Products, SellOrders  []Given
}

// Seed makes the state folder of a sandbox that holds what is given, all or nothing. A folder that is there is left as it
// is, and seeded is false.
func Seed(dir string, what Seeding) (seeded bool, err error) {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	making := dir + ".seeding"
	if err := os.RemoveAll(making); err != nil { // of a seeding that was killed
		return false, fmt.Errorf("seed the sandbox: %w", err)
	}
	defer os.RemoveAll(making)
	if err := what.write(making); err != nil {
		return false, fmt.Errorf("seed the sandbox: %w", err)
	}
	if err := os.Rename(making, dir); err != nil {
		return false, fmt.Errorf("seed the sandbox: %w", err)
	}
	return true, nil
}

func (what Seeding) write(dir string) error {
	box, err := Open(Options{Dir: dir, AccountID: what.AccountID, Now: func() time.Time { return what.Now }})
	if err != nil {
		return err
	}
	last, err := box.give(products, what.Products, what)
	if err == nil {
		var orders int64
		orders, err = box.give(sellOrders, what.SellOrders, what)
		last = max(last, orders)
	}
	if err == nil {
		err = box.journal.sync(last)
	}
	return errors.Join(err, box.Close())
}

// give writes creates into the journal, and returns the number of the last one.
func (s *Sandbox) give(k *kind, list []Given, what Seeding) (last int64, err error) {
	for _, g := range list {
		c := content{values: map[string]any{}}
		for _, name := range slices.Sorted(maps.Keys(g.Attributes)) {
			if err := c.take(k, name, g.Attributes[name], true); err != nil {
				return last, fmt.Errorf("%s %d: %w", k.name, g.ID, err)
			}
		}
		c.complete(k) // what is not known stays empty
		s.stamp(c.values, true)
		if g.UUID == "" {
			g.UUID = uuid.NewString()
		}
		c.values["uuid"], c.values["accountId"] = g.UUID, what.AccountID
		c.values["remoteIdMap"] = map[string]string{strconv.FormatInt(what.CouplingID, 10): g.RemoteID}
		e := entry{Op: opCreate, Type: k.name, ID: g.ID, At: what.Now.UTC().Format(momentForm), values: c.values}
		if err := s.state.apply(e); err != nil {
			return last, err
		}
		if last, err = s.journal.append(e); err != nil {
			return last, err
		}
	}
	return last, nil
}
