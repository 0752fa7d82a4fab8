package recording

import (
	"bufio"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"github.com/klauspost/compress/zstd"

	"magento-optiply/store"
)

// table is a table of the state that a recording holds: how it is read from a run file, and put into a state. Amounts are
// texts, so that no digit is lost.
type table struct {
	name   string
	since  int    // schema version of the run files that have it; 0 where an older one tells it too
	from   string // query over the run file
	shape  string // of one line, for from_json
	insert string // what follows INSERT INTO, over rows of that shape
}

// seedRun is the run id of what was known before a recorded run. It sorts before every real one.
const seedRun = "0-recorded"

func tables() []table {
	return []table{
		{
			name: "products",
			from: `SELECT remote_id, optiply_id, uuid, name, sku_code, article_code, price::VARCHAR AS price, unlimited_stock, stock_level, status,
				created_at_remote::VARCHAR AS created_at_remote, extra, change FROM before.products`,
			shape: `{"remote_id":"VARCHAR","optiply_id":"VARCHAR","uuid":"VARCHAR","name":"VARCHAR","sku_code":"VARCHAR","article_code":"VARCHAR","price":"DECIMAL(18,2)",
				"unlimited_stock":"BOOLEAN","stock_level":"BIGINT","status":"VARCHAR","created_at_remote":"VARCHAR","extra":"JSON","change":"BIGINT"}`,
			insert: `state.products BY NAME SELECT * REPLACE (created_at_remote::TIMESTAMP AS created_at_remote, coalesce(change, 0) AS change),
				'` + seedRun + `' AS run_id, $2::TIMESTAMP AS acknowledged_at`,
		},
		{
			name: "sell_orders",
			from: `SELECT remote_id, optiply_id, uuid, placed::VARCHAR AS placed, completed::VARCHAR AS completed, total_value::VARCHAR AS total_value, change
				FROM before.sell_orders`,
			shape: `{"remote_id":"VARCHAR","optiply_id":"VARCHAR","uuid":"VARCHAR","placed":"VARCHAR","completed":"VARCHAR","total_value":"DECIMAL(19,2)","change":"BIGINT"}`,
			insert: `state.sell_orders BY NAME SELECT * REPLACE (placed::TIMESTAMP AS placed, completed::TIMESTAMP AS completed, coalesce(change, 0) AS change),
				'` + seedRun + `' AS run_id, $2::TIMESTAMP AS acknowledged_at`,
		},
		{
			name:  "bookmarks",
			from:  `SELECT stream, store_code, value::VARCHAR AS value FROM bookmark`,
			shape: `{"stream":"VARCHAR","store_code":"VARCHAR","value":"VARCHAR"}`,
			insert: `state.bookmarks BY NAME SELECT * REPLACE (value::TIMESTAMP AS value), '` + seedRun + `' AS run_id,
				$2::TIMESTAMP AS moved_at`,
		},
		{
			name: "parked",
			from: `SELECT coalesce(w.entity, r.entity) AS entity, coalesce(w.remote_id, r.remote_id) AS remote_id, w.sku, coalesce(w.kind, 'rejected') AS kind,
				r.reason, r.cause, r.change_hash, r.status, r.decision
				FROM waiting w FULL JOIN refused r ON r.entity = w.entity AND r.remote_id = w.remote_id`,
			shape: `{"entity":"VARCHAR","remote_id":"VARCHAR","sku":"VARCHAR","kind":"VARCHAR","reason":"VARCHAR","cause":"VARCHAR","change_hash":"VARCHAR",
				"status":"INTEGER","decision":"VARCHAR"}`,
			insert: `state.parked BY NAME SELECT * REPLACE (coalesce(reason, 'it waited when the night was recorded') AS reason), '` + seedRun + `' AS run_id,
				$2::TIMESTAMP AS first_at, $2::TIMESTAMP AS last_at, 1 AS times`,
		},
		{
			name: "unadopted", since: sinceUnadopted,
			from:  `SELECT entity, optiply_id, remote_id, sku_code, placed::VARCHAR AS placed, total_value::VARCHAR AS total_value, reason FROM before.unadopted`,
			shape: `{"entity":"VARCHAR","optiply_id":"VARCHAR","remote_id":"VARCHAR","sku_code":"VARCHAR","placed":"VARCHAR","total_value":"DECIMAL(19,2)","reason":"VARCHAR"}`,
			// $2 is of no use here.
			insert: `state.unadopted BY NAME SELECT * REPLACE (CASE WHEN $2::TIMESTAMP IS NOT NULL THEN placed::TIMESTAMP END AS placed)`,
		},
	}
}

//go:embed sql/bookmarks.sql
var bookmarksSQL string

//go:embed sql/bookmarks_of_windows.sql
var bookmarksOfWindowsSQL string

// sources are the queries in front of a table's own: bookmarks and waiting rows are tables of newer run files only; an older
// one tells them by its windows, and by what it read by id.
func (w *writer) sources() string {
	with := bookmarksSQL
	if !w.bookmarks {
		with = strings.ReplaceAll(bookmarksOfWindowsSQL, "$overlap", fmt.Sprintf("INTERVAL '%d seconds'", int64(w.overlap.Seconds())))
	}
	refused := "FROM before.rejects"
	if w.schema < sinceRejects {
		refused = "SELECT NULL::VARCHAR AS entity, NULL::VARCHAR AS remote_id, NULL AS cause, NULL AS change_hash, NULL AS status, NULL AS reason, NULL AS decision WHERE false"
	}
	return with + ", refused AS (" + refused + ")"
}

// The schema versions of run files since which there is a table of what was not taken over, and one of what was refused.
const (
	sinceUnadopted = 3
	sinceRejects   = 4
)

// writeState writes the files of the folder state.
func (w *writer) writeState() error {
	if !w.bookmarks {
		w.lose("the run file is older than the copy of the bookmarks and of the rows that waited: they are told by its windows, and by what was read by id")
	}
	for _, t := range tables() {
		if w.schema < t.since {
			continue
		}
		if err := w.writeTable(t); err != nil {
			return fmt.Errorf("record the state's %s: %w", t.name, err)
		}
	}
	return nil
}

// rowsPerQuery bounds what DuckDB's driver holds in memory.
const rowsPerQuery = 100_000

func (w *writer) writeTable(t table) error {
	file := newLineFile(w.dir, "state/"+t.name)
	defer file.discard()
	with := ""
	if t.name == "bookmarks" || t.name == "parked" {
		with = w.sources()
	}
	for from := 0; ; from += rowsPerQuery {
		lines, err := w.column(fmt.Sprintf("%s SELECT to_json(t)::VARCHAR FROM (%s ORDER BY ALL LIMIT %d OFFSET %d) t", with, t.from, rowsPerQuery, from))
		if err != nil {
			return err
		}
		for _, line := range lines {
			record := []byte(line)
			if t.name == "parked" { // the reasons are other people's words
				if record, err = w.mask.Record("parked", record); err != nil {
					return err
				}
			}
			if err := file.add(record); err != nil {
				return err
			}
		}
		if len(lines) < rowsPerQuery {
			break
		}
	}
	_, err := file.close()
	return err
}

// Fresh tells a state without a history.
func Fresh(ctx context.Context, run *store.Run) (fresh bool, err error) {
	err = run.DB.QueryRowContext(ctx, `SELECT NOT EXISTS (FROM state.products) AND NOT EXISTS (FROM state.sell_orders) AND NOT EXISTS (FROM state.bookmarks)
		AND NOT EXISTS (FROM state.ledger) AND NOT EXISTS (FROM state.parked) AND NOT EXISTS (FROM state.runs)
		AND NOT EXISTS (FROM state.adoptions)`).Scan(&fresh)
	return fresh, err
}

// Seed puts the state that a recorded run began with into the shop's state, and tells whether it did: a shop that has a
// history keeps it. The state must be open for writing.
func (n *Night) Seed(ctx context.Context, run *store.Run, fsys fs.FS) (seeded bool, err error) {
	fresh, err := Fresh(ctx, run)
	if err != nil || !fresh {
		return false, err
	}
	tx, err := run.DB.BeginTx(ctx, nil)
	if err != nil {
		return false, err
	}
	for _, t := range tables() {
		err = Lines(fsys, t.name, func(lines []string) error {
			query := fmt.Sprintf("INSERT INTO %s FROM (SELECT unnest(from_json($1, '[%s]'), recursive := true))", t.insert, t.shape)
			_, err := tx.ExecContext(ctx, query, "["+strings.Join(lines, ",")+"]", n.Now)
			return err
		})
		if err != nil {
			return false, errors.Join(fmt.Errorf("seed the state's %s: %w", t.name, err), tx.Rollback())
		}
	}
	// The ledger goes on where it was, so that no change has the number of another.
	if n.StateChanges > 0 {
		_, err = tx.ExecContext(ctx, `INSERT INTO state.ledger BY NAME SELECT $1 AS seq, $2::TIMESTAMP AS happened_at, $3 AS run_id, 'recorded' AS plan_hash, 'recording' AS entity,
			'create' AS op, '0' AS remote_id, 'acknowledged' AS state, 1 AS attempt, 'the state is as recorded; what led to it is not' AS reason`, n.StateChanges, n.Now, seedRun)
		if err != nil {
			return false, errors.Join(fmt.Errorf("seed the ledger: %w", err), tx.Rollback())
		}
	}
	// The products were taken over, as `adopt` does it: without that, nothing is sent to an account that holds some.
	_, err = tx.ExecContext(ctx, `INSERT INTO state.adoptions SELECT $1, $2::TIMESTAMP, (SELECT count(*) FROM state.products), (SELECT count(*) FROM state.sell_orders)`,
		seedRun, n.Now)
	if err != nil {
		return false, errors.Join(fmt.Errorf("seed the adoptions: %w", err), tx.Rollback())
	}
	return true, tx.Commit()
}

// linesAtATime is how many lines of a state file are handed on at once.
const linesAtATime = 2_000

// Lines reads a file of the folder state, some lines at a time. One that is not there has none.
func Lines(fsys fs.FS, name string, use func(lines []string) error) error {
	file, err := fsys.Open("state/" + name + ".ndjson")
	var input io.Reader = file
	if errors.Is(err, fs.ErrNotExist) {
		if file, err = fsys.Open("state/" + name + ".ndjson.zst"); errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			unpacked, zerr := zstd.NewReader(file)
			if zerr != nil {
				return errors.Join(zerr, file.Close())
			}
			defer unpacked.Close()
			input = unpacked
		}
	}
	if err != nil {
		return err
	}
	defer file.Close()
	var lines []string
	scanner := bufio.NewScanner(input)
	scanner.Buffer(nil, 1<<26)
	for scanner.Scan() {
		if line := strings.TrimSpace(scanner.Text()); line != "" {
			lines = append(lines, line)
		}
		if len(lines) == linesAtATime {
			if err := use(lines); err != nil {
				return err
			}
			lines = nil
		}
	}
	if err := scanner.Err(); err != nil || len(lines) == 0 {
		return err
	}
	return use(lines)
}
