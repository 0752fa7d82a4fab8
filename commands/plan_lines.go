package commands

import (
	"bufio"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"magento-optiply/store"
)

// planned is one row of the plan as it is printed.
type planned struct {
	Entity, Op, RemoteID, SKU, Reason string
	Changed                           []string
	Before, After                     map[string]json.RawMessage
	Lines                             []json.RawMessage
}

// writeChanges prints a line for each attribute that an update changes, and one for each create and disable.
func writeChanges(ctx context.Context, w io.Writer, a *store.Answer) error {
	b := bufio.NewWriter(w)
	err := a.Each(ctx, -1, func(row []sql.NullString) error {
		c := planned{Entity: row[1].String, Op: row[2].String, RemoteID: row[3].String, SKU: row[5].String, Reason: row[10].String}
		for i, into := range map[int]any{6: &c.Changed, 7: &c.Before, 8: &c.After, 9: &c.Lines} {
			if !row[i].Valid {
				continue
			}
			if err := json.Unmarshal([]byte(row[i].String), into); err != nil {
				return fmt.Errorf("read plan.changes: %s of %s %s: %w", a.Columns[i].Name, c.Entity, c.RemoteID, err)
			}
		}
		for _, line := range c.lines() {
			_, _ = b.WriteString(printable(line) + "\n") // a bufio.Writer keeps its first error for Flush
		}
		return nil
	})
	if ferr := b.Flush(); err == nil {
		err = ferr
	}
	return err
}

func (c planned) lines() []string {
	name := c.Op + " " + c.Entity + " " + c.RemoteID
	if c.SKU != "" {
		name += " (" + c.SKU + ")"
	}
	if c.Op == "create" {
		return []string{name + " " + strings.Join(c.created(), ", ")}
	}
	var list []string
	for _, attribute := range c.Changed {
		line := fmt.Sprintf("%s %s %s -> %s", name, attribute, shown(attribute, c.Before[attribute]), shown(attribute, c.After[attribute]))
		if c.Op == "disable" {
			line += ": " + c.Reason
		}
		list = append(list, line)
	}
	return list
}

// created names the attributes of a new record. Those that only repeat its name are left out.
func (c planned) created() []string {
	var list []string
	for _, attribute := range c.Changed {
		switch attribute {
		case "skuCode", "articleCode":
		case "orderLines":
			list = append(list, plural(int64(len(c.Lines)), "line"))
		default:
			list = append(list, attribute+" "+shown(attribute, c.After[attribute]))
		}
	}
	return list
}

// shown is a value without the quotes of JSON; money has two decimals. An attribute that is not there is "(none)".
func shown(attribute string, raw json.RawMessage) string {
	var s *string
	switch {
	case len(raw) == 0 || string(raw) == "null":
		return "(none)"
	case json.Unmarshal(raw, &s) == nil && s != nil:
		if *s == "" {
			return `""`
		}
		return *s
	}
	text := string(raw)
	if attribute != "price" && attribute != "totalValue" || strings.ContainsAny(text, "eE") {
		return text
	}
	whole, decimals, _ := strings.Cut(text, ".")
	for len(decimals) < 2 {
		decimals += "0"
	}
	return whole + "." + decimals
}
