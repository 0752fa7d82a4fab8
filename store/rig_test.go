package store

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	osexec "os/exec"
	"strings"
	"testing"
	"time"
)

// Locks hold between processes, so several of these tests start this test binary once more, as somebody else.

const childRole = "STORE_TEST_ROLE"

// roles are what another process can do with the shop in $1. Each says one line, and ends when its stdin does.
var roles = map[string]func(ctx context.Context, s *Shop) (io.Closer, string, error){
	"lock": func(_ context.Context, s *Shop) (io.Closer, string, error) {
		lock, err := s.Lock("run 20261123T020000Z", time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC))
		if err != nil {
			return nil, "", err
		}
		return closer(lock.Release), "locked", nil
	},
	"write state": func(ctx context.Context, s *Shop) (io.Closer, string, error) {
		r, err := s.OpenState(ctx, Write)
		return r, "open", err
	},
	"read state": func(ctx context.Context, s *Shop) (io.Closer, string, error) {
		r, err := s.OpenState(ctx, Read)
		return r, "open", err
	},
	"begin a run": func(ctx context.Context, s *Shop) (io.Closer, string, error) {
		r, err := s.CreateRun(ctx, "20261123T020000Z", "test", time.Now())
		if err != nil {
			return nil, "", err
		}
		if err := r.BeginHistory(ctx, "run", "extract", time.Now()); err != nil {
			return nil, "", err
		}
		return r, "open", r.PublishState(ctx)
	},
	"write a run": func(ctx context.Context, s *Shop) (io.Closer, string, error) {
		ref, err := s.Latest()
		if err != nil {
			return nil, "", err
		}
		r, err := s.OpenRun(ctx, ref, Options{Run: Write})
		return r, "open", err
	},
	"begin a run, and write more": func(ctx context.Context, s *Shop) (io.Closer, string, error) {
		r, err := s.CreateRun(ctx, "20261123T020000Z", "test", time.Now())
		if err == nil {
			err = r.PublishState(ctx)
		}
		if err == nil {
			err = r.BeginHistory(ctx, "run", "load", time.Now())
		}
		return r, "open", err
	},
	"write the state anew, before the checkpoint": func(ctx context.Context, s *Shop) (io.Closer, string, error) {
		r, err := s.OpenState(ctx, Write)
		if err == nil {
			err = r.compactState(ctx)
		}
		return r, "open", err
	},
	"write the state anew, in the midst": func(ctx context.Context, s *Shop) (io.Closer, string, error) {
		r, err := s.OpenState(ctx, Write)
		if err != nil {
			return nil, "", err
		}
		worn, err := r.wornTables(ctx)
		statements := []string{"BEGIN"}
		for _, w := range worn {
			statements = append(statements, w.anew()...)
		}
		if err == nil {
			_, err = r.DB.ExecContext(ctx, strings.Join(statements, ";"))
		}
		return r, "open", err
	},
}

type closer func() error

func (c closer) Close() error { return c() }

func TestMain(m *testing.M) {
	role, isChild := roles[os.Getenv(childRole)]
	if !isChild {
		os.Exit(m.Run())
	}
	s, err := Open(os.Args[1], "demo")
	var held io.Closer
	var said string
	if err == nil {
		held, said, err = role(context.Background(), s)
	}
	if err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	fmt.Println(said)
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := held.Close(); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// other is another process.
type other struct {
	t     *testing.T
	cmd   *osexec.Cmd
	stdin io.WriteCloser
	said  string
}

// start lets another process take a role, and waits for what it says.
func start(t *testing.T, s *Shop, role string) *other {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := osexec.Command(program, strings.TrimSuffix(s.Dir, "/demo"))
	cmd.Env = append(os.Environ(), childRole+"="+role)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	o := &other{t, cmd, stdin, ""}
	t.Cleanup(o.kill)
	o.said, _ = bufio.NewReader(stdout).ReadString('\n')
	o.said = strings.TrimSpace(o.said)
	return o
}

// end lets it end as it should.
func (o *other) end() {
	o.t.Helper()
	_ = o.stdin.Close()
	if err := o.cmd.Wait(); err != nil {
		o.t.Errorf("the other process: %v", err)
	}
}

// kill ends it as kill -9 does.
func (o *other) kill() {
	_ = o.cmd.Process.Kill()
	_ = o.cmd.Wait()
}

var start0 = time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)

const id0 = "20261123T020000Z"

func newShop(t *testing.T) *Shop {
	t.Helper()
	s, err := Open(t.TempDir(), "demo")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// create makes a run, closed when the test ends.
func create(t *testing.T, s *Shop, id string) *Run {
	t.Helper()
	r, err := s.CreateRun(t.Context(), id, "test", start0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// finished makes a finished run, and closes it.
func finished(t *testing.T, s *Shop, id string) {
	t.Helper()
	r := create(t, s, id)
	if err := r.Finish(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

func do(t *testing.T, r *Run, statements ...string) {
	t.Helper()
	for _, q := range statements {
		if _, err := r.DB.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%v in %s", err, q)
		}
	}
}

// ask is the first column of a query, as text, joined by spaces.
func ask(t *testing.T, r *Run, query string) string {
	t.Helper()
	rows, err := r.DB.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatalf("%v in %s", err, query)
	}
	defer rows.Close()
	var values []string
	for rows.Next() {
		var v sql.NullString
		if err := rows.Scan(&v); err != nil {
			t.Fatal(err)
		}
		values = append(values, v.String)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(values, " ")
}

func equal(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// contains wants an error of one line that says something.
func contains(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v, want one line with %q", err, want)
	}
}

func page(t *testing.T, r *Run, stream, file, body string) {
	t.Helper()
	if err := r.SavePage(t.Context(), Page{Stream: stream, StoreCode: "b2b", Part: "full", File: file, FetchedAt: start0, Body: []byte(body)}); err != nil {
		t.Fatal(err)
	}
}

func isNotThere(t *testing.T, path string) {
	t.Helper()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is there (%v)", path, err)
	}
}
