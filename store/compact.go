package store

import (
	"context"
	"fmt"
	"strings"
)

// rowsOfGroup is how many rows a row group of DuckDB holds at most.
const rowsOfGroup = 122_880

// wear is how a table of the state lies in the file.
type wear struct {
	table, definition string
	groups, blocks    int64
	stored, live      int64 // rows with those that were deleted, and without
}

// excess is how many blocks the table would not need, were it written anew: a row group of few rows has a block to itself.
func (w wear) excess() int64 {
	if w.stored == 0 {
		return 0
	}
	needed := (w.stored + rowsOfGroup - 1) / rowsOfGroup
	return w.groups - needed + w.blocks*(w.stored-w.live)/w.stored
}

// worn tells whether writing the table anew is worth it: a quarter of it is excess. So a big one, such as the ledger, is
// written anew once in many nights, and what that costs is in proportion to what was added since.
func (w wear) worn() bool { return w.excess() >= 4 && w.excess()*4 >= w.blocks }

// compactState writes those tables of the attached state anew that have come to lie in many pieces. DuckDB begins a row group, with
// a block of 256 KB of its own, for the first row that is added after the file was opened, and takes no deleted row out of a table that
// has a primary key: a file to which each night adds a row of history would grow by a block a night and table for ever. What is let
// go is used by the nights that follow; the file does not shrink. Each table is a transaction of its own, and its rows stay
// the same, so that it does not matter when a kill or a full disk ends this.
func (r *Run) compactState(ctx context.Context) error {
	worn, err := r.wornTables(ctx)
	if err != nil {
		return err
	}
	for _, w := range worn {
		if err := r.inTransaction(ctx, w.anew()...); err != nil {
			return fmt.Errorf("write %s anew: %w", w.table, err)
		}
	}
	return nil
}

// anew are the statements that write the table anew, as it was defined.
func (w wear) anew() []string {
	columns, ok := strings.CutPrefix(w.definition, "CREATE TABLE "+w.table+"(")
	if !ok {
		return nil // a name that must be quoted is none of ours
	}
	return []string{"CREATE TABLE state.compacted(" + columns, "INSERT INTO state.compacted FROM state." + w.table,
		"DROP TABLE state." + w.table, "ALTER TABLE state.compacted RENAME TO " + w.table}
}

// wornTables finds them. A table with an index beside its primary key is left alone, because it would lose it.
func (r *Run) wornTables(ctx context.Context) (worn []wear, err error) {
	var tables []wear
	err = r.each(ctx, `SELECT table_name, sql FROM duckdb_tables() WHERE database_name = 'state' AND schema_name = 'main'
		AND table_oid NOT IN (SELECT table_oid FROM duckdb_indexes() WHERE database_name = 'state') ORDER BY table_name`, func(row func(...any) error) error {
		var w wear
		err := row(&w.table, &w.definition)
		tables = append(tables, w)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the tables of the state: %w", err)
	}
	for _, w := range tables {
		name := "state." + identifier(w.table)
		err := r.DB.QueryRowContext(ctx, `
			WITH piece AS (FROM pragma_storage_info(`+quote(name)+`)),
			     block AS (SELECT DISTINCT unnest(list_prepend(block_id, additional_block_ids)) AS id FROM piece)
			SELECT count(DISTINCT row_group_id), (SELECT count(*) FROM block WHERE id >= 0),
			       coalesce(sum(count) FILTER (column_path = '[0]'), 0)::BIGINT, (SELECT count(*) FROM `+name+`)
			FROM piece`).Scan(&w.groups, &w.blocks, &w.stored, &w.live)
		if err != nil {
			return nil, fmt.Errorf("see how %s lies in the state: %w", w.table, err)
		}
		if w.worn() {
			worn = append(worn, w)
		}
	}
	return worn, nil
}
