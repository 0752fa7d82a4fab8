package store

import (
	"context"
	"database/sql"
	"fmt"

	duckdb "github.com/marcboeker/go-duckdb/v2"
)

// DuckDBVersion is that of the library in this program, such as v1.4.1. It asks a DuckDB in memory, because the bindings' own
// LibraryVersion (v0.1.21) frees what it was given and ends the process.
func DuckDBVersion(ctx context.Context) (version string, err error) {
	connector, err := duckdb.NewConnector("", nil)
	if err != nil {
		return "", fmt.Errorf("start DuckDB: %w", err)
	}
	db := sql.OpenDB(connector)
	defer db.Close()
	if err := db.QueryRowContext(ctx, "SELECT version()").Scan(&version); err != nil {
		return "", fmt.Errorf("ask DuckDB for its version: %w", err)
	}
	return version, nil
}
