package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"magento-optiply/config"
)

// These tests let `init` write configurations as scripts do; commands has those of its questions.

// written reads what `init` has written, as strictly as a run does.
func (s shopDir) written(name string, env map[string]string) *config.Config {
	s.t.Helper()
	c, err := config.Load(filepath.Join(s.dir, name), config.Options{Env: func(name string) (string, bool) { v, ok := env[name]; return v, ok }})
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

func TestInit_WritesACommentedFileFromOptionsAndItWorks(t *testing.T) {
	t.Parallel()
	s := shopDir{t, t.TempDir()}
	r := s.must(0, "init", "--store-url", "www.shop.example", "--account-id", "98", "--coupling-id", "4711", "--stock", "warehouse", "--warehouse-ids", "main,north",
		"--start-date", "2025-01-01", "--set", "sync.sync_product_deletions=true", "--set", "magento.page_size=100")
	if r.stdout != "" {
		t.Errorf("stdout is for data: %s", r.stdout)
	}
	for _, words := range []string{"MAGENTO_ACCESS_TOKEN", "OPTIPLY_PASSWORD", "magento-optiply check"} {
		if !strings.Contains(r.stderr, words) {
			t.Errorf("nothing says %q:\n%s", words, r.stderr)
		}
	}
	text := configOf(t, s)
	for _, words := range []string{"access_token: ${MAGENTO_ACCESS_TOKEN}", "# first run only", "page_size: 100"} {
		if !strings.Contains(text, words) {
			t.Errorf("the file does not hold %q:\n%s", words, text)
		}
	}
	c := s.written("magento-optiply.yaml", map[string]string{"MAGENTO_ACCESS_TOKEN": "tok", "OPTIPLY_CLIENT_ID": "c", "OPTIPLY_CLIENT_SECRET": "s", "OPTIPLY_USERNAME": "u", "OPTIPLY_PASSWORD": "p"})
	if c.Shop != "shop-example" || c.Magento.StoreURL != "https://www.shop.example" || c.Sync.StockMode() != config.StockWarehouse || len(c.Sync.WarehouseIDs) != 2 ||
		!c.Sync.SyncProductDeletions || c.Optiply.AccountID != 98 || c.Optiply.CouplingID != 4711 || c.Magento.PageSize != 100 {
		t.Errorf("read back: %s", c)
	}
	s.must(3, "run", "--fixtures", night(1), "--dry-run", "--config", "magento-optiply.yaml", "--only", "sell_orders") // needs neither account nor token
}

func TestInit_NeverWritesOverAFile(t *testing.T) {
	t.Parallel()
	s := shopDir{t, t.TempDir()}
	args := []string{"init", "--store-url", "shop.example", "--sandbox"}
	s.write("magento-optiply.yaml", "mine")
	if r := s.must(2, args...); !strings.Contains(r.stderr, "--force") {
		t.Errorf("nothing says --force:\n%s", r.stderr)
	}
	if configOf(t, s) != "mine" {
		t.Error("the file was written over")
	}
	s.must(0, append(args, "--force")...)
	if s.written("magento-optiply.yaml", map[string]string{"MAGENTO_ACCESS_TOKEN": "t"}).Shop != "shop-example" {
		t.Error("the file was not written")
	}
}

const tapConfig = `{
  "store_url": "https://shop.example", "use_oauth": "true", "oauth_token": "s3cret-token", "oauth_token_secret": "s3cret-secret",
  "consumer_key": "s3cret-key", "consumer_secret": "s3cret-consumer", "start_date": "2023-05-01T00:00:00Z", "page_size": "200",
  "custom_cookies": {"gate": "s3cret-cookie"}, "order_ids": [], "mystery": "s3cret-mystery"
}`

const tenantConfig = `{
  "flags": {"pullAllOrders": "True", "use_salable_quantity": "false", "warehouse_ids": ""},
  "optiplyCredentials": {"client_id": "s3cret-id", "client_secret": "s3cret-client", "username": "s3cret-user", "password": "s3cret-word", "account_id": "98", "couplingId": 4711}
}`

func TestInit_TranslatesTheOldSettings(t *testing.T) {
	t.Parallel()
	s := shopDir{t, t.TempDir()}
	s.write("config.json", tapConfig)
	s.write("tenant-config.json", tenantConfig)
	r := s.must(0, "init", "--from-hotglue", "config.json", "tenant-config.json", "--shop", "north")
	if text := configOf(t, s); strings.Contains(text+r.stdout+r.stderr, "s3cret") {
		t.Errorf("a secret was shown, or written:\n%s\n%s", r.stderr, text)
	}
	for _, words := range []string{"17 keys of config.json and tenant-config.json were taken over", "config.json: mystery: there is no such setting here", "config.json: order_ids: single orders",
		"MAGENTO_CONSUMER_SECRET", "MAGENTO_COOKIE_GATE"} {
		if !strings.Contains(r.stderr, words) {
			t.Errorf("nothing says %q:\n%s", words, r.stderr)
		}
	}
	if !strings.Contains(configOf(t, s), "#   mystery: there is no such setting here") {
		t.Error("the file does not tell what was left out")
	}
}

func TestInit_PutsOldSecretsIntoFilesThatOnlyTheUserReads(t *testing.T) {
	t.Parallel()
	s := shopDir{t, t.TempDir()}
	s.write("config.json", tapConfig)
	s.write("tenant-config.json", tenantConfig)
	args := []string{"init", "--from-hotglue", "config.json", "--from-hotglue", "tenant-config.json", "--shop", "north", "--secrets", "file"}
	r := s.must(0, args...)
	if strings.Contains(configOf(t, s)+r.stdout+r.stderr, "s3cret") {
		t.Error("a secret was shown, or written into the configuration")
	}
	c := s.written("magento-optiply.yaml", nil)
	if c.Magento.SignIn() != config.SignInOAuth || c.Magento.AccessToken.Reveal() != "s3cret-token" || c.Magento.AccessTokenSecret.Reveal() != "s3cret-secret" ||
		c.Magento.ConsumerSecret.Reveal() != "s3cret-consumer" || c.Magento.CustomCookies["gate"].Reveal() != "s3cret-cookie" || c.Optiply.Password.Reveal() != "s3cret-word" ||
		c.Optiply.CouplingID != 4711 || !c.Sync.PullAllOrders || c.Sync.StockMode() != config.StockPhysical || c.Magento.PageSize != 200 {
		t.Errorf("read back: %s", c)
	}
	info, err := os.Stat(filepath.Join(s.dir, "secrets/north/optiply_password"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file of a secret: %v %v", info, err)
	}
	if err := os.Remove(filepath.Join(s.dir, "magento-optiply.yaml")); err != nil {
		t.Fatal(err)
	}
	if r := s.must(2, args...); !strings.Contains(r.stderr, "--force") || exists(filepath.Join(s.dir, "magento-optiply.yaml")) {
		t.Errorf("secrets that were there were written over:\n%s", r.stderr)
	}
	s.must(0, append(args, "--force")...)
}

func TestInit_SaysWhatIsWrongAndWritesNothing(t *testing.T) {
	t.Parallel()
	s := shopDir{t, t.TempDir()}
	s.write("broken.json", "{\n  \"store_url\": \"shop.example\",\n}")
	for name, test := range map[string]struct{ args, want string }{
		"nothing given":        {"init", "still to be given: --store-url, --shop, --account-id, --coupling-id"},
		"no account":           {"init --store-url shop.example", "--sandbox takes the place"},
		"a bad address":        {"init --store-url ftp://shop.example", "--store-url: magento.store_url must begin with https:// or http://"},
		"a bad name":           {"init --shop a/b --store-url shop.example", "--shop: shop names a folder"},
		"a bad number":         {"init --account-id x", "--account-id: optiply.account_id must be a whole number"},
		"an unknown setting":   {"init --set magento.page_sise=1", "did you mean magento.page_size?"},
		"no value":             {"init --set page_size", "SETTING=VALUE"},
		"a secret in the open": {"init --set magento.access_token=s3cret-x", "a secret is not given on the command line"},
		"a way":                {"init --sign-in magic --sandbox", "token, oauth or password"},
		"a stock":              {"init --stock lots", "salable, physical, warehouse, listing or off"},
		"secrets":              {"init --secrets wallet", "env or file"},
		"an argument":          {"init config.json", "files after --from-hotglue"},
		"no such file":         {"init --from-hotglue nowhere.json", "nowhere.json"},
		"broken JSON":          {"init --from-hotglue broken.json", "broken.json:3:1: this is not JSON"},
		"no folder":            {"init --store-url shop.example --sandbox --config nowhere/x.yaml", "there is no folder nowhere"},
		"what does not fit":    {"init --store-url shop.example --sandbox --set magento.end_date=2020-01-01", "magento.end_date must be later than magento.start_date"},
	} {
		r := s.exec(strings.Fields(test.args)...)
		if r.code != 2 || !strings.Contains(r.stderr, test.want) {
			t.Errorf("%s: exit code %d, want 2 and %q:\n%s", name, r.code, test.want, r.stderr)
		}
		if strings.Contains(r.stderr, "s3cret-x") {
			t.Errorf("%s: a secret was shown:\n%s", name, r.stderr)
		}
	}
	left, err := os.ReadDir(s.dir)
	if err != nil || len(left) != 1 {
		t.Errorf("left: %v %v", left, err)
	}
}
