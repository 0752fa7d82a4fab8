package config_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"magento-optiply/config"
)

// env is a lookup over a map.
func env(variables map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		value, ok := variables[name]
		return value, ok
	}
}

// secrets are the variables that example.yaml asks for.
func secrets() map[string]string {
	return map[string]string{
		"MAGENTO_ACCESS_TOKEN":  "token",
		"OPTIPLY_CLIENT_ID":     "client",
		"OPTIPLY_CLIENT_SECRET": "client-secret",
		"OPTIPLY_USERNAME":      "user",
		"OPTIPLY_PASSWORD":      "password",
	}
}

// minimal has what every configuration must have; a test appends what it tries.
const minimal = `shop: demo
optiply: {base_url: sandbox}
`

// parse reads a configuration that must be right.
func parse(t *testing.T, yaml string, options config.Options) *config.Config {
	t.Helper()
	c, err := config.Parse([]byte(yaml), "shop.yaml", options)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestExample_HoldsEveryDefault(t *testing.T) {
	want := config.Default()
	want.Shop = "demo"
	want.Magento.StoreURL = "https://shop.example"
	want.Magento.AccessToken = "token"
	want.Optiply.ClientID, want.Optiply.ClientSecret = "client", "client-secret"
	want.Optiply.Username, want.Optiply.Password = "user", "password"
	want.Optiply.AccountID, want.Optiply.CouplingID = 98, 4711

	got := parse(t, config.Example(), config.Options{Env: env(secrets())})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestDemo_NeedsNoAccountAndDoesNotWait(t *testing.T) {
	c := config.Demo()
	if c.Shop != "demo" || c.DataDir != "./data" || !c.Optiply.Sandbox() || c.Optiply.RequestsPerSecond != 200 {
		t.Errorf("demo: %v", c)
	}
	if c.Magento.RetryWait > time.Second {
		t.Errorf("demo waits %v before a retry", c.Magento.RetryWait)
	}
	if c.Optiply.AccountID == 0 || c.Optiply.CouplingID == 0 {
		t.Error("the sandbox has no account")
	}
}

func TestParse_TakesStoreURLAsPeopleCopyIt(t *testing.T) {
	for written, want := range map[string]string{
		"shop.example":                        "https://shop.example",
		"shop.example/":                       "https://shop.example",
		"localhost:8080":                      "https://localhost:8080",
		"http://127.0.0.1:8080/":              "http://127.0.0.1:8080",
		"https://shop.example/rest":           "https://shop.example",
		"https://shop.example/rest//":         "https://shop.example",
		"https://shop.example/index.php":      "https://shop.example/index.php",
		"https://shop.example/index.php/rest": "https://shop.example/index.php",
		"https://shop.example/crest":          "https://shop.example/crest",
	} {
		c := parse(t, minimal+"magento: {access_token: a, store_url: '"+written+"'}", config.Options{})
		if c.Magento.StoreURL != want {
			t.Errorf("%s: got %s, want %s", written, c.Magento.StoreURL, want)
		}
	}
}

func TestParse_TakesListsAsListOrText(t *testing.T) {
	want := []string{"01", "main", "3"}
	for _, written := range []string{
		`"01, main ,3"`, `[01, main, 3]`, `["01", " main ", 3]`, "\n    - 01\n    - main\n    - 3\n    - main",
		`01,main,,3,`, `${IDS}`, `["${FIRST}", main, 3]`,
	} {
		yaml := minimal + "magento:\n  store_id: " + written + "\nsync:\n  warehouse_ids: " + written
		c := parse(t, yaml, config.Options{NoMagento: true, Env: env(map[string]string{"IDS": "01,main , 3", "FIRST": "01"})})
		if !slices.Equal(c.Magento.StoreIDs, want) || !slices.Equal(c.Sync.WarehouseIDs, want) {
			t.Errorf("%s: got %q and %q", written, c.Magento.StoreIDs, c.Sync.WarehouseIDs)
		}
	}
}

func TestParse_TakesTimes(t *testing.T) {
	for written, want := range map[string]time.Time{
		"2024-03-01":                  time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC),
		"2024-03-01 09:15:00":         time.Date(2024, 3, 1, 9, 15, 0, 0, time.UTC),
		"'2024-03-01T09:15:00Z'":      time.Date(2024, 3, 1, 9, 15, 0, 0, time.UTC),
		"2024-03-01T09:15:00+02:00":   time.Date(2024, 3, 1, 7, 15, 0, 0, time.UTC),
		"${DAY}":                      time.Date(2024, 3, 2, 0, 0, 0, 0, time.UTC),
		`""`:                          {},
		"\n  end_date:\n  lag: 1m":    time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC),
		"~ # a comment, and no value": time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		options := config.Options{NoMagento: true, Env: env(map[string]string{"DAY": "2024-03-02"})}
		c := parse(t, minimal+"magento:\n  start_date: "+written, options)
		if !c.Magento.StartDate.Equal(want) || c.Magento.StartDate.Location() != time.UTC {
			t.Errorf("%s: got %v, want %v", written, c.Magento.StartDate, want)
		}
	}
}

// A value is the text that was written, whatever type YAML would guess.
func TestParse_KeepsTheTextOfValues(t *testing.T) {
	for written, want := range map[string]config.Secret{
		"0123": "0123", "1e5": "1e5", "0x1F": "0x1F", "1_000": "1_000", "yes": "yes", "true": "true", "2024-01-01": "2024-01-01",
		`"a\nb"`: "a\nb", "'it''s'": "it's", `a$b$$c`: "a$b$$c", `$${A}`: "${A}", `"x$${A}${A}y"`: "x${A}1y",
		"|\n    two\n    lines": "two\nlines",
	} {
		options := config.Options{NoMagento: true, Env: env(map[string]string{"A": "1"})}
		c := parse(t, minimal+"magento:\n  password: "+written, options)
		if c.Magento.Password != want {
			t.Errorf("%s: got %q", written, c.Magento.Password.Reveal())
		}
	}
}

func TestParse_PutsInVariablesAndFiles(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "token"), []byte("a: # b\n\"${HOME}\"\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "shop.yaml")
	yaml := minimal + "magento: {username: '${USER}:${USER}', password: '<${file:token}>', page_size: '${SIZE}', use_oauth: '${NO}'}"
	if err := os.WriteFile(file, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(file, config.Options{NoMagento: true, Env: env(map[string]string{"USER": "${x}, [", "SIZE": "7", "NO": "false"})})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Magento.Password.Reveal(), "<a: # b\n\"${HOME}\">"; got != want {
		t.Errorf("password %q, want %q", got, want)
	}
	if got, want := c.Magento.Username.Reveal(), "${x}, [:${x}, ["; got != want {
		t.Errorf("username %q, want %q", got, want)
	}
	if c.Magento.PageSize != 7 {
		t.Errorf("page_size %d", c.Magento.PageSize)
	}
}

func TestParse_ForgivesMissingSecretsNobodyNeeds(t *testing.T) {
	yaml := `shop: demo
magento: {store_url: "${MAGENTO_URL}", access_token: "${MAGENTO_TOKEN}", custom_cookies: {gate: "${GATE}"}}
optiply: {base_url: "${OPTIPLY_URL}", client_id: "${ID}", client_secret: "${file:none}", username: "${U}", password: "${P}", account_id: "${A}"}
`
	c := parse(t, yaml, config.Options{NoMagento: true, Env: env(map[string]string{"OPTIPLY_URL": "sandbox"})})
	if c.Optiply.AccountID != 98 || c.Magento.AccessToken != "" {
		t.Errorf("got %v", c)
	}
}

func TestSync_StockMode(t *testing.T) {
	for _, test := range []struct {
		yaml, want string
	}{
		{"{}", config.StockSalable},
		{"{use_salable_quantity: false}", config.StockPhysical},
		{"{use_inventory_source_items: true}", config.StockWarehouse},
		{"{use_inventory_source_items: true, use_stock_statuses: true, use_salable_quantity: false}", config.StockWarehouse},
		{"{use_stock_statuses: false}", config.StockListing},
		{"{use_stock_statuses: false, use_salable_quantity: false}", config.StockListing},
		{"{map_stockLevel: false, use_inventory_source_items: true}", config.StockOff},
	} {
		c := parse(t, minimal+"sync: "+test.yaml, config.Options{NoMagento: true})
		if got := c.Sync.StockMode(); got != test.want {
			t.Errorf("%s: got %s, want %s", test.yaml, got, test.want)
		}
	}
}

func TestMagento_SignIn(t *testing.T) {
	for _, test := range []struct {
		yaml, want string
	}{
		{"access_token: a", config.SignInToken},
		{"access_token: a, username: u, password: p", config.SignInPassword},
		{"access_token: a, consumer_key: k", config.SignInToken},
		{"use_oauth: true, access_token: a, access_token_secret: s, consumer_key: k, consumer_secret: s, username: u, password: p", config.SignInOAuth},
	} {
		c := parse(t, minimal+"magento: {store_url: shop.example, "+test.yaml+"}", config.Options{})
		if got := c.Magento.SignIn(); got != test.want {
			t.Errorf("%s: got %s, want %s", test.yaml, got, test.want)
		}
	}
}

func TestOptions_WhoIsNotAskedNeedsNoSecret(t *testing.T) {
	yaml := "shop: demo\nmagento: {store_url: shop.example, access_token: '${NO_SUCH}'}\noptiply: {client_id: '${NO_SUCH}', client_secret: x}\n"
	if _, err := config.Parse([]byte(yaml), "c.yaml", config.Options{NoMagento: true, NoOptiply: true}); err != nil {
		t.Errorf("nobody is asked, and yet: %v", err)
	}
	if _, err := config.Parse([]byte(yaml), "c.yaml", config.Options{NoMagento: true}); err == nil || strings.Contains(err.Error(), "magento") || !strings.Contains(err.Error(), "optiply.client_id") {
		t.Errorf("Optiply alone is asked: %v", err)
	}
	if _, err := config.Parse([]byte(yaml), "c.yaml", config.Options{NoOptiply: true}); err == nil || strings.Contains(err.Error(), "optiply") || !strings.Contains(err.Error(), "magento.access_token") {
		t.Errorf("the shop alone is asked: %v", err)
	}
}
