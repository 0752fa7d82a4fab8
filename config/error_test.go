package config_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"magento-optiply/config"
)

// Each case is what is written after `minimal`, and the whole error.
func TestParse_SaysWhatIsWrongAndWhere(t *testing.T) {
	for _, test := range []struct {
		name, yaml, want string
	}{
		{
			"unknown key, near",
			"sync:\n  use_stock_status: true",
			"shop.yaml:4:3: unknown setting sync.use_stock_status (did you mean use_stock_statuses?)",
		},
		{
			"unknown key, other letters",
			"sync: {map_stocklevel: true}",
			"shop.yaml:3:8: unknown setting sync.map_stocklevel (did you mean map_stockLevel?)",
		},
		{
			"unknown key of another section",
			"page_size: 10",
			"shop.yaml:3:1: unknown setting page_size (did you mean magento.page_size?)",
		},
		{
			"unknown key with its section",
			"magento.page_size: 10",
			"shop.yaml:3:1: unknown setting magento.page_size (write page_size under magento:)",
		},
		{
			"unknown section",
			"magneto: {}",
			"shop.yaml:3:1: unknown setting magneto (did you mean magento?)",
		},
		{
			"unknown key, far",
			"\"what ever\": 1",
			`shop.yaml:3:1: unknown setting "what ever"`,
		},
		{
			"key twice",
			"magento:\n  lag: 1m\n  page_size: 1\n  lag: 2m",
			"shop.yaml:6:3: magento.lag is set twice, first in line 4",
		},
		{
			"section twice",
			"shop: again",
			"shop.yaml:3:1: shop is set twice, first in line 1",
		},
		{
			"section of the wrong type",
			"magento: secret",
			"shop.yaml:3:10: magento must be a mapping of names to values",
		},
		{
			"list for a value",
			"magento: {password: [secret]}",
			"shop.yaml:3:21: magento.password must be a single value",
		},
		{
			"mapping for a list",
			"magento: {streams: {orders: true}}",
			"shop.yaml:3:20: magento.streams must be a single value",
		},
		{
			"bool",
			"sync: {map_stockLevel: yes}",
			`shop.yaml:3:24: sync.map_stockLevel must be true or false, not "yes"`,
		},
		{
			"whole number",
			"magento: {page_size: 0}",
			`shop.yaml:3:22: magento.page_size must be a whole number from 1 to 10000, not "0"`,
		},
		{
			"concurrency",
			"optiply: {concurrency: 65}",
			"shop.yaml:3:1: optiply is set twice, first in line 2",
		},
		{
			"concurrency of the shop",
			"magento: {concurrency: 65}",
			`shop.yaml:3:24: magento.concurrency must be a whole number from 1 to 64, not "65"`,
		},
		{
			"rate",
			"magento: {requests_per_second: -1}",
			`shop.yaml:3:32: magento.requests_per_second must be a number of 0 or more, not "-1"`,
		},
		{
			"rate without end",
			"magento: {requests_per_second: .inf}",
			`shop.yaml:3:32: magento.requests_per_second must be a number of 0 or more, not ".inf"`,
		},
		{
			"percent",
			"sync: {max_deletions_percent: 101}",
			`shop.yaml:3:31: sync.max_deletions_percent must be a number from 0 to 100, not "101"`,
		},
		{
			"band",
			"guards: {band: wide}",
			`shop.yaml:3:16: guards.band must be on, off, or a number of deviations from 1 to 1000, not "wide"`,
		},
		{
			"ceiling",
			"guards: {max_sell_orders: -1}",
			`shop.yaml:3:27: guards.max_sell_orders must be a whole number of 0 or more, not "-1"`,
		},
		{
			"duration without unit",
			"magento: {lag: 30}",
			`shop.yaml:3:16: magento.lag must be a duration such as 30s, 10m or 24h, not "30"`,
		},
		{
			"duration of 0",
			"magento: {overlap: 0s, full_every: 0}",
			`shop.yaml:3:20: magento.overlap must be a duration longer than 0, not "0s"`,
		},
		{
			"duration below 0",
			"magento: {full_every: -1h}",
			`shop.yaml:3:23: magento.full_every must be a duration of 0 or longer, not "-1h"`,
		},
		{
			"date",
			"magento: {start_date: 01-02-2024}",
			`shop.yaml:3:23: magento.start_date must be a date such as 2024-01-31, or a time such as 2024-01-31 09:15:00 (UTC) or 2024-01-31T09:15:00+01:00, not "01-02-2024"`,
		},
		{
			"end before start",
			"magento: {start_date: 2024-02-01, end_date: 2024-02-01}",
			"shop.yaml:3:45: magento.end_date must be later than magento.start_date",
		},
		{
			"one of some words",
			"sync: {stock_bulk: never}",
			`shop.yaml:3:20: sync.stock_bulk must be auto or off, not "never"`,
		},
		{
			"stream, near",
			"magento: {streams: 'orders, product'}",
			`shop.yaml:3:20: magento.streams must be names of streams (did you mean products?), not "product"`,
		},
		{
			"stream in a list",
			"magento:\n  streams:\n    - orders\n    - creditmemos",
			`shop.yaml:6:7: magento.streams must be names of streams (did you mean credit_memos?), not "creditmemos"`,
		},
		{
			"attribute",
			"magento: {product_attributes: [ean, 'x y']}",
			`shop.yaml:3:37: magento.product_attributes must be codes of attributes: a letter, then letters, digits and _, not "x y"`,
		},
		{
			"store code",
			"magento: {store_code: ../all}",
			`shop.yaml:3:23: magento.store_code must be ids or codes of stores: letters, digits and _, not "../all"`,
		},
		{
			"line break in a header",
			"magento: {access_token: \"secret\\nX: y\"}",
			"shop.yaml:3:25: magento.access_token must hold no line break and no other control character",
		},
		{
			"cookie",
			"magento: {custom_cookies: {gate: 'secret; x'}}",
			"shop.yaml:3:34: magento.custom_cookies.gate must hold no ; and no control character",
		},
		{
			"cookies as text",
			"magento: {custom_cookies: 'gate=secret'}",
			"shop.yaml:3:27: magento.custom_cookies must be a mapping of names to values",
		},
		{
			"userinfo in the address",
			"magento: {store_url: 'https://user:secret@shop.example'}",
			"shop.yaml:3:22: magento.store_url must hold no user name or password; sign-in has settings of its own",
		},
		{
			"query in the address",
			"magento: {store_url: 'shop.example?token=secret'}",
			"shop.yaml:3:22: magento.store_url must hold no ? and no #",
		},
		{
			"scheme of the address",
			"magento: {store_url: 'ftp://shop.example'}",
			"shop.yaml:3:22: magento.store_url must begin with https:// or http://",
		},
		{
			"no host in the address",
			"magento: {store_url: 'https://'}",
			"shop.yaml:3:22: magento.store_url must be an address such as https://shop.example",
		},
		{
			"variable that is not set",
			"sync:\n  order_lines: '${LINES}'",
			"shop.yaml:4:16: sync.order_lines needs the environment variable LINES, which is not set",
		},
		{
			"file that does not exist",
			"sync: {order_lines: '${file:/does/not/exist}'}",
			"shop.yaml:3:21: sync.order_lines needs the file /does/not/exist, which does not exist",
		},
		{
			"file that cannot be read",
			"sync: {order_lines: '${file:/}'}",
			"shop.yaml:3:21: sync.order_lines needs the file /: is a directory",
		},
		{
			"neither variable nor file",
			"magento: {password: 'secret${-x}'}",
			"shop.yaml:3:21: magento.password has a ${ that begins neither ${NAME} nor ${file:PATH}; write $${ for the characters themselves",
		},
		{
			"reference without an end",
			"magento: {password: 'secret${X'}",
			"shop.yaml:3:21: magento.password has a ${ that begins neither ${NAME} nor ${file:PATH}; write $${ for the characters themselves",
		},
		{
			"wrong value from a variable",
			"magento: {page_size: '${SECRET}'}",
			`shop.yaml:3:22: magento.page_size must be a whole number from 1 to 10000, not the value of "${SECRET}"`,
		},
		{
			"alias",
			"magento: {password: &a secret, username: *a}",
			"shop.yaml:3:21: magento.password uses an anchor (&) of YAML, which has no meaning here; write the value itself\n" +
				"shop.yaml:3:42: magento.username uses an alias (*) of YAML, which has no meaning here; write the value itself",
		},
		{
			"not YAML",
			"magento: {password: \"secret}",
			"shop.yaml:3:21: this is not YAML: could not find end character of double-quoted text",
		},
		{
			"second document",
			"---\nshop: other",
			"shop.yaml:4:5: a configuration is one YAML document; this is the second",
		},
		{
			"several at once, in the order of the file",
			"sync: {pullAllOrders: 1}\nmagento:\n  page_size: x\n  lagg: 1m\n  retries: '${N}'",
			`shop.yaml:3:23: sync.pullAllOrders must be true or false, not "1"` + "\n" +
				`shop.yaml:5:14: magento.page_size must be a whole number from 1 to 10000, not "x"` + "\n" +
				"shop.yaml:6:3: unknown setting magento.lagg (did you mean lag?)\n" +
				"shop.yaml:7:12: magento.retries needs the environment variable N, which is not set",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			options := config.Options{NoMagento: true, Env: env(map[string]string{"SECRET": "secret"})}
			wantError(t, minimal+test.yaml, options, test.want)
		})
	}
}

func TestParse_NamesExactlyWhatIsMissing(t *testing.T) {
	const shop = "shop: demo\n"
	const sandbox = shop + "optiply: {base_url: sandbox}\n"
	for _, test := range []struct {
		name, yaml, want string
	}{
		{
			"everything", "",
			"shop.yaml: shop is missing: it names the shop's folder\n" +
				"shop.yaml: magento.store_url is missing\n" +
				"shop.yaml: magento has no sign-in: set access_token, or username and password, or use_oauth with consumer_key, consumer_secret, access_token and access_token_secret\n" +
				"shop.yaml: optiply.client_id is missing\n" +
				"shop.yaml: optiply.client_secret is missing\n" +
				"shop.yaml: optiply.username is missing\n" +
				"shop.yaml: optiply.password is missing\n" +
				"shop.yaml: optiply.account_id is missing\n" +
				"shop.yaml: optiply.coupling_id is missing: without it Optiply keeps no remote ids",
		},
		{
			"shop that is no folder",
			"shop: ../x\noptiply: {base_url: sandbox}\nmagento: {store_url: s, access_token: a}",
			`shop.yaml:1:7: shop names a folder, so it must be 1 to 64 letters, digits, - . or _, and not begin with - or a dot, not "../x"`,
		},
		{
			"password",
			sandbox + "magento: {store_url: s, access_token: a, username: u}",
			"shop.yaml: magento.password is missing: username is set",
		},
		{
			"user name, written without a value",
			sandbox + "magento: {store_url: s, username: '', password: p}",
			"shop.yaml:3:35: magento.username is empty: password is set",
		},
		{
			"keys of OAuth",
			sandbox + "magento: {store_url: s, use_oauth: true, consumer_key: k, access_token: a, username: u, password: p}",
			"shop.yaml: magento.consumer_secret is missing: use_oauth is true\n" +
				"shop.yaml: magento.access_token_secret is missing: use_oauth is true",
		},
		{
			"variable of the sign-in, said once",
			sandbox + "magento:\n  store_url: s\n  access_token: '${TOKEN}'",
			"shop.yaml:5:17: magento.access_token needs the environment variable TOKEN, which is not set",
		},
		{
			"variable of the address, said once",
			sandbox + "magento:\n  store_url: '${URL}'\n  access_token: a",
			"shop.yaml:4:14: magento.store_url needs the environment variable URL, which is not set",
		},
		{
			"variable of Optiply, which is not the sandbox",
			shop + "optiply:\n  {client_id: '${ID}', client_secret: s, username: u, password: p, account_id: 1,\n  coupling_id: 0}\n" +
				"magento: {store_url: s, access_token: a}",
			"shop.yaml:3:15: optiply.client_id needs the environment variable ID, which is not set\n" +
				`shop.yaml:4:16: optiply.coupling_id must be a whole number of 1 or more, not "0"`,
		},
		{
			"address of Optiply, which says the rest",
			shop + "optiply: {base_url: sandbocks}\nmagento: {store_url: s, access_token: a}",
			"shop.yaml:2:21: optiply.base_url must be an address such as https://api.optiply.com/v1, or sandbox",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			wantError(t, test.yaml, config.Options{}, test.want)
		})
	}
}

func wantError(t *testing.T, yaml string, options config.Options, want string) {
	t.Helper()
	_, err := config.Parse([]byte(yaml), "shop.yaml", options)
	var typed *config.Error
	if !errors.As(err, &typed) {
		t.Fatalf("got %v, want a *config.Error", err)
	}
	if got := err.Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestLoad_NamesTheFileItCannotRead(t *testing.T) {
	dir := t.TempDir()
	_, err := config.Load(filepath.Join(dir, "none.yaml"), config.Options{})
	var typed *config.Error
	if !errors.As(err, &typed) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if !strings.HasSuffix(err.Error(), "none.yaml: there is no such configuration file") {
		t.Errorf("got %v", err)
	}

	_, err = config.Load(dir, config.Options{})
	if !errors.As(err, &typed) || errors.Is(err, fs.ErrNotExist) || !strings.HasSuffix(err.Error(), ": cannot read the configuration: is a directory") {
		t.Errorf("got %v", err)
	}

	large := filepath.Join(dir, "large.yaml")
	if err := os.WriteFile(large, make([]byte, 2<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(large, config.Options{}); !errors.As(err, &typed) {
		t.Errorf("got %v", err)
	}
}
