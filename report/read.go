package report

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"
)

type attribute struct {
	Op, Name string
	Products int64
}

type issue struct {
	Kind, Entity, Reason string
	Rows                 int64
	Names                []string
}

type endpoint struct {
	Server, Name              string
	Requests, Retries, Failed int64
	Seconds                   float64
	Mean, Slow, Max           float64 // milliseconds
	Bytes                     int64
}

type coverage struct {
	Stream, Store  string
	Complete       bool
	Rows, Expected int64 // Expected is -1 where the shop did not say
	Reason         string
}

type mover struct {
	RemoteID, SKU          string
	Was, Becomes           int64
	Risen, Fallen, SoldOut int64
}

type night struct {
	Day          time.Time
	Sent, Unsent int64 // -1: none
	Low, High    int64 // -1: no band
}

type minute struct {
	At                        time.Time
	Minutes                   int64
	Requests, Retries, Failed int64
	Middle, Slow              float64 // milliseconds
	Least, Most               int64   // requests at a time that were allowed
}

type bucket struct {
	Label        string
	Was, Becomes int64
}

// read fills the page from the run file.
func (p *page) read(ctx context.Context, db *sql.DB) error {
	has, err := tables(ctx, db)
	if err != nil {
		return err
	}
	var stock []bucket
	nights, servers := map[string][]night{}, map[string][]minute{}
	for _, part := range []struct {
		query string
		needs []string
		row   func(scan func(...any) error) error
	}{
		{"phases", []string{"run.streams", "run.steps"}, func(scan func(...any) error) error {
			var f Phase
			err := scan(&f.Name, &f.Seconds)
			p.phase(f)
			return err
		}},
		{"attributes", []string{"diff.products"}, func(scan func(...any) error) error {
			var a attribute
			defer func() { p.Attributes = append(p.Attributes, a) }()
			return scan(&a.Op, &a.Name, &a.Products)
		}},
		{"issues", []string{"run.issues"}, func(scan func(...any) error) error {
			var i issue
			var names any
			err := scan(&i.Kind, &i.Entity, &i.Reason, &i.Rows, &names)
			i.Names = texts(names)
			p.Issues = append(p.Issues, i)
			return err
		}},
		{"coverage", []string{"run.coverage"}, func(scan func(...any) error) error {
			var c coverage
			var expected sql.NullInt64
			err := scan(&c.Stream, &c.Store, &c.Complete, &c.Rows, &expected, &c.Reason)
			c.Expected = orNone(expected)
			p.Coverage = append(p.Coverage, c)
			return err
		}},
		{"endpoints", []string{"run.requests"}, func(scan func(...any) error) error {
			var e endpoint
			defer func() { p.Endpoints = append(p.Endpoints, e) }()
			return scan(&e.Server, &e.Name, &e.Requests, &e.Retries, &e.Failed, &e.Seconds, &e.Mean, &e.Slow, &e.Max, &e.Bytes)
		}},
		{"minutes", []string{"run.requests"}, func(scan func(...any) error) error {
			var m minute
			var name string
			var least, most sql.NullInt64
			err := scan(&name, &m.At, &m.Minutes, &m.Requests, &m.Retries, &m.Failed, &m.Middle, &m.Slow, &least, &most)
			m.Least, m.Most = orNone(least), orNone(most)
			servers[name] = append(servers[name], m)
			return err
		}},
		{"nights", []string{"before.history"}, func(scan func(...any) error) error {
			var n night
			var figure string
			var sent, unsent, low, high sql.NullInt64
			err := scan(&figure, &n.Day, &sent, &unsent, &low, &high)
			n.Sent, n.Unsent, n.Low, n.High = orNone(sent), orNone(unsent), orNone(low), orNone(high)
			nights[figure] = append(nights[figure], n)
			return err
		}},
		{"stock", []string{"before.products", "diff.products"}, func(scan func(...any) error) error {
			var b bucket
			defer func() { stock = append(stock, b) }()
			return scan(&b.Label, &b.Was, &b.Becomes)
		}},
		{"movers", []string{"before.products", "diff.products"}, func(scan func(...any) error) error {
			var m mover
			var was, becomes sql.NullInt64
			err := scan(&m.RemoteID, &m.SKU, &was, &becomes, &m.Risen, &m.Fallen, &m.SoldOut)
			m.Was, m.Becomes = was.Int64, becomes.Int64
			p.Movers = append(p.Movers, m)
			return err
		}},
	} {
		if slices.ContainsFunc(part.needs, func(table string) bool { return !has[table] }) {
			continue
		}
		if err := ask(ctx, db, part.query, part.row); err != nil {
			return fmt.Errorf("%s: %w", part.query, err)
		}
	}
	p.draw(stock, nights, servers)
	return nil
}

// phase adds a phase whose time the caller does not know, because another command did it.
func (p *page) phase(f Phase) {
	known := slices.ContainsFunc(p.Phases, func(k Phase) bool { return k.Name == f.Name })
	if !known && f.Seconds > 0 {
		p.Phases = append(p.Phases, f)
	}
	order := []string{"extract", "transform", "load"}
	slices.SortStableFunc(p.Phases, func(a, b Phase) int { return slices.Index(order, a.Name) - slices.Index(order, b.Name) })
}

func ask(ctx context.Context, db *sql.DB, name string, row func(scan func(...any) error) error) error {
	text, err := queries.ReadFile("sql/" + name + ".sql")
	if err != nil {
		return err
	}
	rows, err := db.QueryContext(ctx, string(text))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// tables are the tables of the run file.
func tables(ctx context.Context, db *sql.DB) (map[string]bool, error) {
	rows, err := db.QueryContext(ctx, "SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE database_name = current_database()")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	has := map[string]bool{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		has[name] = true
	}
	return has, rows.Err()
}

// texts are the texts of a list that DuckDB answers.
func texts(list any) (out []string) {
	values, _ := list.([]any)
	for _, v := range values {
		if text, ok := v.(string); ok {
			out = append(out, strings.TrimSpace(text))
		}
	}
	return out
}

func orNone(n sql.NullInt64) int64 {
	if !n.Valid {
		return -1
	}
	return n.Int64
}
