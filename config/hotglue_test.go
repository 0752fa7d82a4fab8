package config_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"magento-optiply/config"
)

// translated is what a translation says, in lines.
func translated(t *testing.T, files ...string) (values map[string]string, secrets map[string]string, notes []string) {
	t.Helper()
	var list []config.HotglueFile
	for i, text := range files {
		list = append(list, config.HotglueFile{Name: []string{"config.json", "tenant-config.json"}[i], Data: []byte(text)})
	}
	tr, err := config.FromHotglue(list...)
	if err != nil {
		t.Fatal(err)
	}
	secrets = map[string]string{}
	for name, value := range tr.Secrets {
		secrets[name] = value.Reveal()
	}
	for _, n := range tr.Notes {
		notes = append(notes, n.File+" "+n.Key+": "+n.Text)
	}
	return tr.Values, secrets, notes
}

func TestFromHotglue_TranslatesEverySettingOfTheTapAndTheNotebook(t *testing.T) {
	values, secrets, notes := translated(t, `{
		"store_url": "shop.example/", "access_token": "old", "oauth_token": "tok", "oauth_token_secret": "tok-secret", "use_oauth": "True",
		"consumer_key": "key", "consumer_secret": "sec", "start_date": "2023-05-01T00:00:00.000000Z", "end_date": "", "store_id": [1, "2"],
		"page_size": "250", "source_items_page_size": 500.0, "user_agent": "Optiply", "custom_cookies": {"gate": "open"}, "use_item_stock": true
	}`, `{
		"flags": {"use_inventory_source_items": 1, "use_stock_statuses": "true", "use_salable_quantity": "False", "map_stockLevel": true,
			"warehouse_ids": "['main', 'north']", "pullAllOrders": "yes", "sync_product_deletions": false},
		"apiCredentials": {"client_id": "c", "client_secret": "cs", "username": "u", "password": "p", "account_id": "98", "couplingId": 4711,
			"access_token": "kept"}
	}`)
	want := map[string]string{
		"magento.store_url": "shop.example/", "magento.use_oauth": "true", "magento.start_date": "2023-05-01", "magento.store_id": "1,2", "magento.page_size": "250",
		"magento.source_items_page_size": "500", "magento.user_agent": "Optiply", "sync.use_inventory_source_items": "true", "sync.use_stock_statuses": "true",
		"sync.use_salable_quantity": "false", "sync.map_stockLevel": "true", "sync.warehouse_ids": "main, north", "sync.pullAllOrders": "true",
		"sync.sync_product_deletions": "false", "optiply.account_id": "98", "optiply.coupling_id": "4711",
	}
	if diff := cmp.Diff(want, values); diff != "" {
		t.Error(diff)
	}
	wantSecrets := map[string]string{
		"magento.access_token": "tok", "magento.access_token_secret": "tok-secret", "magento.consumer_key": "key", "magento.consumer_secret": "sec",
		"magento.custom_cookies.gate": "open", "optiply.client_id": "c", "optiply.client_secret": "cs", "optiply.username": "u", "optiply.password": "p",
	}
	if diff := cmp.Diff(wantSecrets, secrets); diff != "" {
		t.Error(diff)
	}
	wantNotes := []string{
		"config.json oauth_token: config.json: access_token has another value; this one counts",
		"config.json use_item_stock: the listing of stock items is read where the stock mode needs it",
		"tenant-config.json apiCredentials.access_token: a kept token of Optiply's is not needed: one is asked for with username and password",
	}
	if diff := cmp.Diff(wantNotes, notes); diff != "" {
		t.Error(diff)
	}
}

func TestFromHotglue_NamesEachKeyThatItCannotTranslateAndWhy(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"unknown":              {`{"fancy": 1}`, "config.json fancy: there is no such setting here"},
		"nested":               {`{"hotglue": {"x": {"y": true}}}`, "config.json hotglue.x.y: there is no such setting here"},
		"no boolean":           {`{"use_oauth": "perhaps"}`, "config.json use_oauth: it is neither true nor false; magento.use_oauth keeps its default"},
		"no number":            {`{"page_size": "many"}`, "config.json page_size: it is no whole number; magento.page_size keeps its default"},
		"too large":            {`{"page_size": 100000}`, "config.json page_size: magento.page_size must be a whole number from 1 to 10000; it keeps its default"},
		"no time":              {`{"start_date": "last week"}`, "config.json start_date: it is no time that can be read; magento.start_date keeps its default"},
		"an object for a text": {`{"store_id": [{"id": 1}]}`, "config.json store_id: it is no list of single values; magento.store_id keeps its default"},
		"orders":               {`{"order_ids": [1]}`, "config.json order_ids: single orders cannot be asked for: every order of the window is read, and sent once"},
		"entities":             {`{"not_sync_entities": "suppliers"}`, "config.json not_sync_entities: which parts are done is said on the command line: run --only products,stocks,deletions,sell_orders"},
		"all stores":           {`{"fetch_all_stores": "true", "store_id": "1"}`, "config.json fetch_all_stores: all stores are read where magento.store_id is empty, so store_id is left empty"},
		"a delay":              {`{"crawl_delay": "0.5"}`, "config.json crawl_delay: a pause of 0.5 s before each request became magento.requests_per_second: at most one request in that time, however many at once"},
		"whose user":           {`{"store_url": "s.example", "username": "u", "password": "p", "client_id": "c"}`, "config.json username: username and password are taken for Magento's, because store_url stands beside them; Optiply's own are still to be given"},
		"an address with a password": {`{"store_url": "https://u:s3cret@shop.example"}`,
			"config.json store_url: magento.store_url must hold no user name or password; sign-in has settings of its own; it keeps its default"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, notes := translated(t, test.text)
			if got := strings.Join(notes, "\n"); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestFromHotglue_TheTapsDelayBecomesARateAndAllStoresNone(t *testing.T) {
	values, _, _ := translated(t, `{"crawl_delay": "0.5", "throttle_seconds": 1.5, "fetch_all_stores": "true", "store_id": "1"}`)
	if values["magento.requests_per_second"] != "0.5" || values["magento.store_id"] != "" {
		t.Errorf("got %v", values)
	}
}

func TestFromHotglue_TheLaterFileCounts(t *testing.T) {
	values, _, notes := translated(t, `{"use_inventory_source_items": true}`, `{"use_inventory_source_items": "false"}`)
	if values["sync.use_inventory_source_items"] != "false" {
		t.Errorf("got %v", values)
	}
	if want := "tenant-config.json use_inventory_source_items: config.json: use_inventory_source_items has another value; this one counts"; strings.Join(notes, "") != want {
		t.Errorf("notes %q, want %q", notes, want)
	}
}

func TestFromHotglue_BadJSONSaysWhere(t *testing.T) {
	for text, want := range map[string]string{
		"{\n  \"a\": 1,\n  \"b\" 2\n}": "config.json:3:7: this is not JSON: invalid character '2' after object key",
		"{\n  \"a\": 1":                "config.json:2:9: this is not JSON: it ends too soon",
		"":                             "config.json:1:1: this is not JSON: it ends too soon",
		"[1]":                          "config.json:1:1: this is not JSON: it is no object of settings",
		"null":                         "config.json:1:4: this is not JSON: it is null, and not an object of settings",
		"{} {}":                        "config.json:1:4: this is not JSON: there is more behind the object",
	} {
		_, err := config.FromHotglue(config.HotglueFile{Name: "config.json", Data: []byte(text)})
		var wrong *config.JSONError
		if !errors.As(err, &wrong) || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestFill_KeepsTheCommentsAndIsReadBackAsWhatWasMeant(t *testing.T) {
	text, err := config.Fill(map[string]config.Written{
		"shop": {Text: "north"}, "magento.store_url": {Text: "https://north.example"}, "magento.access_token": {Text: "${TOKEN}", Reference: true},
		"magento.user_agent": {Text: "a # b: ${c} \"d\""}, "magento.custom_cookies.gate": {Text: "${GATE}", Reference: true}, "magento.store_id": {Text: "1,b2b_nl"},
		"magento.page_size": {Text: "100"}, "optiply.base_url": {Text: "sandbox"}, "optiply.client_id": {}, "optiply.client_secret": {}, "optiply.username": {}, "optiply.password": {},
	})
	if err != nil {
		t.Fatal(err)
	}
	c := parse(t, text, config.Options{Env: env(map[string]string{"TOKEN": "tok", "GATE": "open"})})
	if c.Shop != "north" || c.Magento.AccessToken.Reveal() != "tok" || c.Magento.UserAgent != "a # b: ${c} \"d\"" || c.Magento.CustomCookies["gate"].Reveal() != "open" ||
		strings.Join(c.Magento.StoreIDs, " ") != "1 b2b_nl" || c.Magento.PageSize != 100 || !c.Optiply.Sandbox() {
		t.Errorf("read back: %s", c)
	}
	comments := func(text string) (list []string) {
		for line := range strings.Lines(text) {
			if at := strings.Index(line, "  # "); at >= 0 {
				list = append(list, strings.TrimSpace(line[at:]))
			}
		}
		return list
	}
	if diff := cmp.Diff(comments(config.Example()), comments(text)); diff != "" {
		t.Errorf("comments are not those of the example:\n%s", diff)
	}
}

func TestFill_AnUnknownSettingIsAnErrorWithTheOneThatWasMeant(t *testing.T) {
	_, err := config.Fill(map[string]config.Written{"magento.page_sise": {Text: "1"}})
	if err == nil || err.Error() != "there is no setting magento.page_sise (did you mean magento.page_size?)" {
		t.Errorf("got %v", err)
	}
}

// Whatever values there are, what is written is read back as they were.
func TestFill_ChangesNothingElseOfTheExample(t *testing.T) {
	text, err := config.Fill(nil)
	if err != nil {
		t.Fatal(err)
	}
	if text != config.Example() {
		t.Error(cmp.Diff(config.Example(), text))
	}
}
