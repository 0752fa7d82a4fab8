package fleet

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

//go:embed schema/*.sql
var schema embed.FS

// Database is the fleet's: River's tables and ours.
type Database struct {
	sql  *sql.DB
	pool *pgxpool.Pool // nil for SQLite
	path string        // of SQLite's file
}

// migrationLock keeps two processes from migrating at once.
const migrationLock = 7_311_988_041

// Open connects to sqlite:PATH or postgres://..., and brings the tables up to date. Errors never hold the address, which may
// have a password in it.
func Open(ctx context.Context, address string) (*Database, error) {
	d := &Database{}
	var err error
	if path, ok := strings.CutPrefix(address, "sqlite:"); ok {
		err = d.openSQLite(path)
	} else {
		err = d.openPostgres(ctx, address)
	}
	if err == nil {
		err = d.migrate(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// Close gives the connections back.
func (d *Database) Close() error {
	var err error
	if d.sql != nil {
		err = d.sql.Close()
	}
	if d.pool != nil {
		d.pool.Close()
	}
	return err
}

func (d *Database) openSQLite(path string) error {
	path = strings.TrimPrefix(path, "//")
	if _, err := os.Stat(filepath.Dir(path)); err != nil {
		return fmt.Errorf("fleet.database: there is no folder for the file %s", path)
	}
	// One writer at a time is what SQLite has; several connections of a process would only wait for one another.
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=busy_timeout(20000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_txlock=immediate")
	if err != nil {
		return fmt.Errorf("open fleet.database: %w", err)
	}
	db.SetMaxOpenConns(1)
	d.sql, d.path = db, path
	return nil
}

func (d *Database) openPostgres(ctx context.Context, address string) error {
	cfg, err := pgxpool.ParseConfig(address)
	if err != nil {
		return fmt.Errorf("fleet.database is no address of PostgreSQL: %s", withoutPassword(err.Error(), address))
	}
	if err := encrypted(cfg.ConnConfig); err != nil {
		return err
	}
	cfg.ConnConfig.RuntimeParams["application_name"] = "magento-optiply"
	cfg.ConnConfig.ConnectTimeout = 10 * time.Second
	if d.pool, err = pgxpool.NewWithConfig(ctx, cfg); err == nil {
		err = d.pool.Ping(ctx)
	}
	if err != nil {
		return fmt.Errorf("connect to fleet.database: %s", withoutPassword(err.Error(), address))
	}
	d.sql = stdlib.OpenDBFromPool(d.pool)
	return nil
}

// withoutPassword takes the password of an address out of a message. pgx does so too, as far as it understands the address.
func withoutPassword(message, address string) string {
	if u, err := url.Parse(address); err == nil && u.User != nil {
		if password, ok := u.User.Password(); ok && password != "" {
			return strings.NewReplacer(password, "***", url.QueryEscape(password), "***").Replace(message)
		}
		return message
	}
	if strings.Contains(address, "@") {
		return "it cannot be read"
	}
	return message
}

// encrypted refuses a connection over a network that others can read, or that may end at somebody else's server.
func encrypted(cfg *pgx.ConnConfig) error {
	configs := []struct {
		host string
		safe bool
	}{{cfg.Host, cfg.TLSConfig != nil && (!cfg.TLSConfig.InsecureSkipVerify || cfg.TLSConfig.VerifyPeerCertificate != nil)}}
	for _, f := range cfg.Fallbacks {
		configs = append(configs, struct {
			host string
			safe bool
		}{f.Host, f.TLSConfig != nil && (!f.TLSConfig.InsecureSkipVerify || f.TLSConfig.VerifyPeerCertificate != nil)})
	}
	for _, c := range configs {
		if !c.safe && !local(c.host) {
			return errors.New("fleet.database: the connection to another machine must be encrypted and its certificate checked: add sslmode=verify-full to the address, and sslrootcert=FILE where the authority is your own")
		}
	}
	return nil
}

// local tells hosts that are this machine: a socket's folder, or the loopback.
func local(host string) bool {
	ip := net.ParseIP(host)
	return strings.HasPrefix(host, "/") || host == "localhost" || ip != nil && ip.IsLoopback()
}

func (d *Database) migrate(ctx context.Context) (err error) {
	if d.pool == nil {
		lock := flock.New(d.path + ".lock")
		if err := lock.Lock(); err != nil {
			return described("migrate fleet.database", err)
		}
		defer func() { err = errors.Join(err, lock.Unlock()) }()
		m, err := rivermigrate.New(riversqlite.New(d.sql), nil)
		if err == nil {
			_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
		}
		if err == nil {
			err = d.ownTables(ctx)
		}
		return described("migrate fleet.database", err)
	}
	conn, err := d.pool.Acquire(ctx)
	if err != nil {
		return described("migrate fleet.database", err)
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(migrationLock)); err != nil {
		return described("migrate fleet.database", err)
	}
	defer func() {
		_, _ = conn.Exec(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", int64(migrationLock))
	}()
	m, err := rivermigrate.New(riverpgxv5.New(d.pool), nil)
	if err == nil {
		_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
	}
	if err == nil {
		err = d.ownTables(ctx)
	}
	return described("migrate fleet.database", err)
}

// ownTables applies the files of schema that have not been applied yet.
func (d *Database) ownTables(ctx context.Context) error {
	if _, err := d.exec(ctx, "CREATE TABLE IF NOT EXISTS fleet_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)"); err != nil {
		return err
	}
	names, err := fs.Glob(schema, "schema/*.sql")
	if err != nil {
		return err
	}
	var text string
	err = d.row(ctx, "SELECT value FROM fleet_meta WHERE name = 'schema_version'").Scan(&text)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	has, _ := strconv.Atoi(text)
	if has > len(names) {
		return fmt.Errorf("it has schema version %d, and this program knows up to %d: use the newer program that made it", has, len(names))
	}
	for i := has; i < len(names); i++ {
		step, err := fs.ReadFile(schema, names[i])
		if err != nil {
			return err
		}
		if err := d.step(ctx, string(step), i+1); err != nil {
			return fmt.Errorf("%s: %w", names[i], err)
		}
	}
	return nil
}

func (d *Database) step(ctx context.Context, text string, version int) error {
	tx, err := d.sql.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	for _, statement := range strings.Split(regexp.MustCompile(`(?m)--.*$`).ReplaceAllString(text, ""), ";") {
		if strings.TrimSpace(statement) == "" {
			continue
		}
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, d.text("INSERT INTO fleet_meta (name, value) VALUES ('schema_version', $1) ON CONFLICT (name) DO UPDATE SET value = excluded.value"), strconv.Itoa(version)); err != nil {
		return err
	}
	return tx.Commit()
}

func described(what string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

var parameter = regexp.MustCompile(`\$([0-9]+)`)

// text is a statement in the database's words. {now} is its clock in Unix milliseconds, {by} the last process that worked on
// a job, {scheduled} when a job is due.
func (d *Database) text(statement string) string {
	if d.pool != nil {
		return strings.NewReplacer("{now}", "(extract(epoch FROM clock_timestamp()) * 1000)::BIGINT",
			"{by}", "attempted_by[array_length(attempted_by, 1)]",
			"{scheduled}", "(extract(epoch FROM scheduled_at) * 1000)::BIGINT",
			"{timestamp}", "now()").Replace(statement)
	}
	statement = strings.NewReplacer("{now}", "CAST(unixepoch('now', 'subsec') * 1000 AS INTEGER)",
		"{by}", "json_extract(attempted_by, '$[#-1]')",
		"{scheduled}", "CAST(unixepoch(scheduled_at, 'subsec') * 1000 AS INTEGER)",
		"{timestamp}", "strftime('%Y-%m-%d %H:%M:%f', 'now')").Replace(statement)
	return parameter.ReplaceAllString(statement, "?$1")
}

func (d *Database) exec(ctx context.Context, statement string, args ...any) (rows int64, err error) {
	result, err := d.sql.ExecContext(ctx, d.text(statement), args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (d *Database) row(ctx context.Context, statement string, args ...any) *sql.Row {
	return d.sql.QueryRowContext(ctx, d.text(statement), args...)
}

func (d *Database) query(ctx context.Context, statement string, args ...any) (*sql.Rows, error) {
	return d.sql.QueryContext(ctx, d.text(statement), args...)
}
