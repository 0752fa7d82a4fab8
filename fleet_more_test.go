package main_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"database/sql"
	"encoding/pem"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"magento-optiply/fleet/fleettest"
	"magento-optiply/magento/magentotest"
)

// certified makes an authority, and a certificate of it for this machine, which PostgreSQL then has.
func certified(t *testing.T, folder string) (authority string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, data []byte) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("server.key", "PRIVATE KEY", secret)
	return write("server.crt", "CERTIFICATE", der)
}

func TestFleet_SecretsAreNowhereButInTheirFiles(t *testing.T) {
	t.Parallel()
	long(t)
	cluster := fleettest.Start(t)
	address := cluster.Database(t, "secrets")
	storage := fleettest.StartS3(t)
	y := newYard(t, address, storage.Address("copies"), "alpha", "beta")
	y.env = []string{"AWS_ACCESS_KEY_ID=someone", "AWS_SECRET_ACCESS_KEY=key-to-the-storage"}
	y.write("shops/beta.yaml", strings.Replace(y.read("shops/beta.yaml"), "demo-token", "wrong-token-of-beta", 1)) // fails, and tells why
	y.shops["beta"].refuse(t)
	y.serve("one")
	y.fleet(0, "schedule", "--config", "fleet.yaml")
	y.fleet(0, "enqueue", "alpha", "beta")
	patiently(t, func() bool {
		a, b := y.status("alpha"), y.status("beta")
		return a.ExitCode != nil && !a.Running && b.ExitCode != nil && !b.Running
	})
	if keys := storage.Keys(); len(keys) == 0 || !strings.HasPrefix(keys[0], "copies/shops/alpha/0000000000") {
		t.Errorf("objects in storage: %v\n%s", keys, y.logs())
	}
	secrets := []string{fleettest.Password, "secret-of-", "demo-token", "wrong-token-of-beta", "key-to-the-storage"}
	look := func(where, text string) {
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s holds %q", where, secret)
			}
		}
	}
	look("the log of the worker", y.logs())
	look("fleet status", y.fleet(0, "status", "--format", "json").stdout)
	for table, text := range dumped(t, address) {
		look("table "+table, text)
	}
	for _, name := range []string{"one", "fleet.lock"} {
		_ = filepath.WalkDir(filepath.Join(y.dir, name), func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				data, _ := os.ReadFile(path)
				look(path, string(data))
			}
			return nil
		})
	}
}

// dumped is every row of every table of a database, as text.
func dumped(t *testing.T, address string) map[string]string {
	t.Helper()
	db, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	column := func(query string) (list []string) {
		rows, err := db.QueryContext(t.Context(), query)
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		defer rows.Close()
		for rows.Next() {
			var text string
			if err := rows.Scan(&text); err != nil {
				t.Fatal(err)
			}
			list = append(list, text)
		}
		return list
	}
	all := map[string]string{}
	for _, table := range column("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'") {
		all[table] = strings.Join(column(fmt.Sprintf("SELECT t::text FROM %q t", table)), "\n")
	}
	if !strings.Contains(all["river_job"], "alpha") || !strings.Contains(all["fleet_shops"], "beta") {
		t.Fatalf("the tables are not those that were meant: %v", all)
	}
	return all
}

func TestFleet_PostgreSQLOverTLSIsCheckedToBeWhoItSays(t *testing.T) {
	t.Parallel()
	cluster := fleettest.Start(t)
	authority := certified(t, cluster.Folder())
	if err := cluster.Own(authority, filepath.Join(cluster.Folder(), "server.key")); err != nil {
		t.Fatal(err)
	}
	cluster.Kill()
	if err := cluster.Serve("ssl=on"); err != nil {
		t.Fatal(err)
	}
	address := cluster.Database(t, "tls")
	y := newShops(t)
	y.write("fleet.yaml", "fleet:\n  database: "+address+"?sslmode=verify-full&sslrootcert="+authority+"\n")
	y.must(0, "fleet", "status")
	other := certified(t, y.dir)
	y.write("fleet.yaml", "fleet:\n  database: "+address+"?sslmode=verify-full&sslrootcert="+other+"\n")
	if r := y.must(1, "fleet", "status"); !strings.Contains(r.stderr, "certificate") || strings.Contains(r.stderr, fleettest.Password) {
		t.Errorf("a server with another's certificate: %s", r.stderr)
	}
}

func TestFleet_OneMachineNeedsNoServer(t *testing.T) {
	t.Parallel()
	long(t)
	y := newYard(t, "sqlite:"+filepath.Join(t.TempDir(), "fleet.db"), "", "alpha", "beta")
	y.write("shops/broken.yaml", "shop: broken\nschedule:\n  all: every day\n")
	if r := y.fleet(1, "schedule"); !strings.Contains(r.stderr, "start `fleet serve` on a machine first") {
		t.Errorf("without a worker:\n%s", r.stderr)
	}
	y.serve("one")
	if r := y.fleet(2, "schedule"); !strings.Contains(r.stderr, "shops/broken.yaml: schedule.all must be a cron expression") || !strings.Contains(r.stdout, "beta: given to one") {
		t.Errorf("a broken schedule beside others:\n%s%s", r.stdout, r.stderr)
	}
	start := time.Now()
	if r := y.fleet(2, "enqueue", "alpha", "nobody", "--only", "sell_orders,products"); r.stdout != "alpha: queued on one\n" {
		t.Errorf("what was queued before a shop that nobody knows:\n%s", r.stdout)
	}
	y.fleet(0, "enqueue", "alpha", "beta", "--only", "sell_orders,products")
	y.idle(start)
	r := y.fleet(0, "status")
	for _, want := range []string{"alpha", "done", "one", "up"} {
		if !strings.Contains(r.stdout, want) {
			t.Errorf("fleet status does not say %s:\n%s", want, r.stdout)
		}
	}
	for args, says := range map[string]string{
		"schedule --host Big_Host": "--host Big_Host: it must be small letters",
		"serve --host Big_Host":    "--host Big_Host: it must be small letters",
		"enqueue nobody":           "`fleet schedule` takes over",
		"enqueue":                  "needs the name of a shop",
		"move alpha --to nowhere":  "`fleet status` lists them",
		"move alpha":               "SHOP --to HOST",
		"drain nowhere":            "`fleet status` lists them",
		"drain":                    "needs the name of a machine",
		"enqueue alpha --only x":   "the parts are",
	} {
		if r := y.fleet(2, strings.Fields(args)...); !strings.Contains(r.stderr, says) {
			t.Errorf("fleet %s:\n%s", args, r.stderr)
		}
	}
	// A worker that is stopped parks what runs when the grace is over, and the next one goes on with it.
	held := make(chan struct{})
	y.shops["alpha"].night(t, 2)
	y.shops["alpha"].when(2, func() { _ = y.workers["one"].Process.Signal(os.Interrupt); close(held) })
	start = time.Now()
	y.fleet(0, "enqueue", "alpha")
	<-held
	_ = y.workers["one"].Wait()
	if code := y.workers["one"].ProcessState.ExitCode(); code != 0 {
		t.Errorf("a worker that is stopped: exit code %d\n%s", code, y.logs())
	}
	delete(y.workers, "one")
	y.serve("one")
	y.fleet(0, "enqueue", "beta")
	y.idle(start)
	if r := y.fleet(1, "drain", "one"); !strings.Contains(r.stderr, "no worker is there to give alpha to: one takes no more shops, and keeps this one") {
		t.Errorf("drain of the only machine:\n%s", r.stderr)
	}
	if f := y.fleet(0, "status"); !strings.Contains(f.stdout, "draining") {
		t.Errorf("fleet status:\n%s", f.stdout)
	}
	// The machine may take one more job before it has heard that it takes none. One that is still there after seconds is there for good.
	for there, until := 0, time.Now().Add(time.Minute); there < 4 && time.Now().Before(until); time.Sleep(500 * time.Millisecond) {
		if there++; !strings.Contains(y.fleet(0, "enqueue", "beta").stdout, "already") {
			there = 0
		}
	}
	if r := y.fleet(0, "enqueue", "beta", "--full"); !strings.Contains(r.stdout, "already (one), without --full") {
		t.Errorf("--full, where a job without it waits:\n%s", r.stdout)
	}
}

// refuse has the shop know no token.
func (s *yardShop) refuse(t *testing.T) {
	t.Helper()
	shop, err := magentotest.Load(os.DirFS(night(1)))
	if err != nil {
		t.Fatal(err)
	}
	shop.AccessToken = "another-token"
	s.mu.Lock()
	defer s.mu.Unlock()
	s.magento = magentotest.New(shop, magentotest.Options{})
}

func TestFleet_TheDocumentsCommandsRun(t *testing.T) {
	t.Parallel()
	long(t)
	y := newYard(t, "sqlite:"+filepath.Join(t.TempDir(), "fleet.db"), "", "alpha", "beta")
	y.serve("one")
	y.serve("two")
	ran := 0
	for _, b := range blocksOf(t, "docs/fleet.md") {
		for _, line := range strings.Split(strings.TrimSpace(b.text), "\n") {
			if b.language == "sh" && line != "magento-optiply fleet serve" { // that one is up already, twice
				shopDir{t, y.dir}.shell(line)
				ran++
			}
		}
		switch {
		case b.language == "yaml" && strings.HasPrefix(b.text, "fleet:"):
			y.write("documented.yaml", strings.Replace(b.text, "${file:/run/credentials/fleet.service/database}", "sqlite:fleet.db", 1))
			y.fleet(0, "status", "--config", "documented.yaml")
		case b.language == "yaml":
			y.write("shops/documented.yaml", "shop: documented\n"+b.text)
			if r := y.fleet(0, "schedule"); !strings.Contains(r.stdout, "3 scheduled parts") {
				t.Errorf("the schedule of the document:\n%s", r.stdout)
			}
			if err := os.Remove(filepath.Join(y.dir, "shops", "documented.yaml")); err != nil {
				t.Fatal(err)
			}
		}
	}
	if ran < 6 {
		t.Errorf("docs/fleet.md shows %d commands; the test does not find its blocks", ran)
	}
}
