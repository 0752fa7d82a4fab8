package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"magento-optiply/optiply/sandbox"
	"magento-optiply/recording"
	"magento-optiply/store"
)

// recordedNight reads what a fixture set tells of the run that it was recorded from; nil where it was not.
func recordedNight(fixtures string) (*recording.Night, error) {
	if fixtures == "" {
		return nil, nil
	}
	night, err := recording.Read(os.DirFS(fixtures))
	if err != nil {
		return nil, usageError(fmt.Errorf("--fixtures %s: %w", fixtures, err))
	}
	return night, nil
}

// seed gives a shop's folder without a history the state that the recorded night began with, and the sandbox what that state
// says it holds.
func (n *night) seed(ctx context.Context) error {
	if n.recorded == nil {
		return nil
	}
	fsys := os.DirFS(n.fixtures)
	if n.app.configGiven || exists(n.app.configPath) {
		for _, differs := range n.recorded.Differs(n.cfg) {
			n.app.log.Warn("a setting is not as recorded, so the diff can be another: " + differs)
		}
	}
	state, err := n.shop.OpenState(ctx, store.Write)
	if err != nil {
		return err
	}
	err = n.seedSandbox(ctx, state, fsys)
	var seeded bool
	if err == nil {
		seeded, err = n.recorded.Seed(ctx, state, fsys)
	}
	if cerr := state.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("--fixtures %s: %w", n.fixtures, err)
	}
	if seeded {
		n.app.log.Info("state as recorded", "run", n.recorded.Run)
	} else {
		n.app.log.Info("this shop's folder has a state, and keeps it; in an empty one the night begins with the state as recorded", "folder", n.shop.Dir)
	}
	return nil
}

// seedSandbox goes first: where it is cut off, the state is still without a history, and both are seeded the next time.
func (n *night) seedSandbox(ctx context.Context, state *store.Run, fsys fs.FS) error {
	if !n.cfg.Optiply.Sandbox() {
		return nil
	}
	if fresh, err := recording.Fresh(ctx, state); err != nil || !fresh {
		return err
	}
	o := n.cfg.Optiply
	what := sandbox.Seeding{AccountID: o.AccountID, CouplingID: o.CouplingID, Now: n.app.env.Now()}
	var err error
	if what.Products, err = given(fsys, "products", productAttributes); err != nil {
		return err
	}
	if what.SellOrders, err = given(fsys, "sell_orders", orderAttributes); err != nil {
		return err
	}
	seeded, err := sandbox.Seed(n.shop.SandboxDir(), what)
	if err == nil && !seeded {
		n.app.log.Warn("the sandbox of this shop holds something already, and is left as it is", "folder", n.shop.SandboxDir())
	}
	return err
}

// productAttributes and orderAttributes are the columns of the state by their names at Optiply.
var (
	productAttributes = map[string]string{"name": "name", "sku_code": "skuCode", "article_code": "articleCode", "price": "price",
		"unlimited_stock": "unlimitedStock", "stock_level": "stockLevel", "status": "status", "created_at_remote": "createdAtRemote"}
	orderAttributes = map[string]string{"placed": "placed", "completed": "completed", "total_value": "totalValue"}
)

// given reads what Optiply is known to hold.
func given(fsys fs.FS, table string, attributes map[string]string) (list []sandbox.Given, err error) {
	err = recording.Lines(fsys, table, func(lines []string) error {
		for _, line := range lines {
			var row map[string]json.RawMessage
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				return err
			}
			text := func(column string) string {
				var s string
				_ = json.Unmarshal(row[column], &s) // what is no text is none
				return s
			}
			id, err := strconv.ParseInt(text("optiply_id"), 10, 64)
			if err != nil {
				return fmt.Errorf("%s %s: its id at Optiply is no number", table, text("remote_id"))
			}
			g := sandbox.Given{ID: id, UUID: text("uuid"), RemoteID: text("remote_id"), Attributes: map[string]json.RawMessage{}}
			for column, name := range attributes {
				if value := row[column]; value != nil && string(value) != "null" {
					g.Attributes[name] = value
				}
			}
			for _, name := range []string{"createdAtRemote", "placed", "completed"} {
				if value, ok := g.Attributes[name]; ok { // "2024-03-01 09:15:00"
					text := []byte(value)
					text[11] = 'T'
					g.Attributes[name] = append(text[:len(text)-1], 'Z', '"')
				}
			}
			list = append(list, g)
		}
		return nil
	})
	return list, err
}

// asRecorded puts the parts of the recorded run in place of those that the command line left open.
func (n *night) asRecorded(settings map[string]string) {
	if n.recorded == nil {
		return
	}
	for name, value := range n.recorded.Parts {
		if _, known := settings[name]; known && !n.given[name] {
			settings[name] = value
		}
	}
}

// begunBy notes what the command line says itself. A set that has only what had changed is never read as a whole listing: all
// the rest would be taken for gone (invariant 3).
func (n *night) begunBy(parts, full, allow bool) error {
	if full && n.recorded != nil && !n.recorded.Full {
		return usageError(errors.New("--full: this night was recorded with only the products that had changed, so all others would be taken for gone"))
	}
	for _, name := range []string{"run.products", "run.stocks", "run.deletions", "run.sell_orders", "run.streams", "run.only_streams"} {
		n.given[name] = parts
	}
	n.given["run.full"], n.given["run.allow_deletions"] = full, allow
	return nil
}
