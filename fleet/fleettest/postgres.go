// Package fleettest makes a throw-away PostgreSQL for tests, from the programs that a distribution's package installs. It
// stands beside fleet because the tests of fleet and of the whole program need the same one.
package fleettest

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// Password is that of the cluster's user: a secret that tests look for where it must not be.
const Password = "correct-horse-battery"

// Cluster is one PostgreSQL server in a folder of its own.
type Cluster struct {
	dir  string
	bin  string
	port int
	as   *syscall.Credential

	mu     sync.Mutex
	server *exec.Cmd
}

// ErrMissing is why there is no cluster on this machine.
var ErrMissing = errors.New("PostgreSQL is not installed: install the package postgresql, so that this test can run")

// programs finds the folder with initdb and postgres; Debian puts it on nobody's PATH.
func programs() (string, error) {
	dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.Reverse(dirs)
	for _, dir := range dirs {
		if _, err := os.Stat(filepath.Join(dir, "initdb")); err == nil {
			return dir, nil
		}
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	return "", ErrMissing
}

// Start makes a cluster and starts it. A test skips, loudly, where PostgreSQL is not installed.
func Start(t testing.TB, options ...string) *Cluster {
	t.Helper()
	c, err := New(options...)
	if errors.Is(err, ErrMissing) {
		t.Skipf("SKIPPED, NOT PASSED: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Remove)
	return c
}

// New makes a cluster and starts it with more options of postgres. PostgreSQL refuses to run as root, so that as root it is
// given to an unprivileged user.
func New(options ...string) (*Cluster, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "postgres")
	if err != nil {
		return nil, err
	}
	c := &Cluster{dir: dir, bin: bin}
	if err := c.make(); err != nil {
		c.Remove()
		return nil, err
	}
	if err := c.Serve(options...); err != nil {
		c.Remove()
		return nil, err
	}
	return c, nil
}

func (c *Cluster) make() error {
	if os.Getuid() == 0 {
		if err := c.giveAway(); err != nil {
			return err
		}
	}
	secret := filepath.Join(c.dir, "password")
	if err := os.WriteFile(secret, []byte(Password), 0o644); err != nil {
		return err
	}
	cmd := c.command("initdb", "-D", c.data(), "-U", "fleet", "--auth=scram-sha-256", "--pwfile="+secret, "--no-sync", "--encoding=UTF8", "--locale=C")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	c.port = listener.Addr().(*net.TCPAddr).Port
	return listener.Close()
}

// giveAway makes the folder somebody's who is not root.
func (c *Cluster) giveAway() error {
	who, err := user.Lookup("postgres")
	if err != nil {
		who, err = user.Lookup("nobody")
	}
	if err != nil {
		return err
	}
	uid, err := strconv.ParseUint(who.Uid, 10, 32)
	if err != nil {
		return err
	}
	gid, err := strconv.ParseUint(who.Gid, 10, 32)
	if err != nil {
		return err
	}
	c.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return os.Chown(c.dir, int(uid), int(gid))
}

func (c *Cluster) data() string { return filepath.Join(c.dir, "data") }

func (c *Cluster) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.bin, name), args...)
	cmd.Dir = c.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.as, Setpgid: true}
	return cmd
}

// Serve starts the server, and waits until it answers.
func (c *Cluster) Serve(options ...string) error {
	args := []string{"-D", c.data(), "-p", strconv.Itoa(c.port), "-c", "listen_addresses=127.0.0.1", "-k", c.dir, "-c", "max_connections=200", "-c", "shared_buffers=16MB"}
	for _, o := range options {
		args = append(args, "-c", o)
	}
	for deadline := time.Now().Add(time.Minute); ; {
		said := &bytes.Buffer{} // of this process alone: one that was killed may still be writing to its own
		c.mu.Lock()
		c.server = c.command("postgres", args...)
		c.server.Stdout, c.server.Stderr = said, said
		err := c.server.Start()
		c.mu.Unlock()
		if err != nil {
			return err
		}
		died := make(chan struct{})
		go func(cmd *exec.Cmd) { _ = cmd.Wait(); close(died) }(c.server)
		if c.answers(died) {
			return nil
		}
		// After a kill the memory of the old server may still be in use for a moment.
		if time.Now().After(deadline) {
			return fmt.Errorf("postgres does not start:\n%s", said.String())
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (c *Cluster) answers(died <-chan struct{}) bool {
	db, err := sql.Open("pgx", c.Address("postgres"))
	if err != nil {
		return false
	}
	defer db.Close()
	for {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		err := db.PingContext(ctx)
		cancel()
		if err == nil {
			return true
		}
		select {
		case <-died:
			return false
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Address is that of a database of the cluster.
func (c *Cluster) Address(database string) string {
	return fmt.Sprintf("postgres://fleet:%s@127.0.0.1:%d/%s", Password, c.port, database)
}

// Folder is where the server's files are.
func (c *Cluster) Folder() string { return c.data() }

// Own gives files to the user that the server runs as.
func (c *Cluster) Own(files ...string) error {
	var err error
	for _, file := range files {
		if c.as != nil {
			err = errors.Join(err, os.Chown(file, int(c.as.Uid), int(c.as.Gid)))
		}
	}
	return err
}

// Database makes one for a test of its own, and returns its address.
func (c *Cluster) Database(t testing.TB, name string) string {
	t.Helper()
	db, err := sql.Open("pgx", c.Address("postgres"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(context.Background(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	return c.Address(name)
}

// Kill ends the server and what belongs to it as a power cut would.
func (c *Cluster) Kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.server != nil && c.server.Process != nil {
		_ = syscall.Kill(-c.server.Process.Pid, syscall.SIGKILL)
	}
}

// Remove ends the server and removes its folder.
func (c *Cluster) Remove() {
	c.Kill()
	for range 50 {
		if os.RemoveAll(c.dir) == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}
