package magentotest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"magento-optiply/magento"
	"magento-optiply/magento/magentotest"
)

var oddSKUs = []string{
	"plain", "with space", "with/slash", "with+plus", "100% cotton", "a%2Fb", "hash#tag", `double"quote`, "single'quote", "ÄÖ-ß-黒-😀", "comma,semi;colon",
	"question?mark=1", `back\slash`, "amp&ersand", "colon:at@", "~tilde-._", "paren(1)!*$", "[brackets]", "..", "<html>", "%", "a%", "a|b^c`d{e}",
}

func oddShop(t *testing.T) *magentotest.Shop {
	t.Helper()
	shop := &magentotest.Shop{OAuth: &magentotest.OAuth{
		ConsumerKey: "ck-1234", ConsumerSecret: "cs+/&=", AccessToken: "at-1234", AccessTokenSecret: "ats %25",
	}}
	for i, sku := range oddSKUs {
		text, _ := json.Marshal(sku)
		put(t, shop, "products", fmt.Sprintf(`{"id":%d,"sku":%s,"status":1}`, i+1, text))
		put(t, shop, "stock_items", fmt.Sprintf(`{"item_id":%d,"product_id":%d,"qty":%d}`, i+1, i+1, i))
	}
	return shop
}

func client(t *testing.T, server *magentotest.Server, auth magento.Auth) *magento.Client {
	t.Helper()
	made, err := magento.NewClient(magento.Config{StoreURL: start(t, server), Auth: auth, Retries: -1})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// readAll asks for every odd SKU by its path and by a filter, and for a list with more than ten filter groups.
func readAll(t *testing.T, c *magento.Client) {
	t.Helper()
	ctx := context.Background()
	for i, sku := range oddSKUs {
		answer, err := c.Get(ctx, "stockItems/"+magento.SKUPath(sku), nil)
		if err != nil || !strings.Contains(string(answer.Body), fmt.Sprintf(`"product_id":%d,`, i+1)) {
			t.Errorf("%q: %v", sku, err)
		}
		criteria := magento.Criteria{PageSize: 5, Fields: "items[id],total_count"}.Where(magento.Filter{Field: "sku", Value: sku})
		answer, err = c.Get(ctx, "products", criteria.Query())
		if err != nil || string(answer.Body) != fmt.Sprintf(`{"items":[{"id":%d}],"total_count":1}`, i+1) {
			t.Errorf("%q by a filter: %v", sku, err)
		}
	}
	var criteria magento.Criteria
	for range 12 {
		criteria = criteria.Where(magento.Filter{Field: "entity_id", Condition: magento.Gt, Value: "0"})
	}
	if _, err := c.Get(ctx, "products", criteria.Query()); err != nil {
		t.Errorf("twelve groups: %v", err)
	}
}

func TestOAuth_TheClientSignsForOddSKUs(t *testing.T) {
	for name, options := range map[string]magentotest.Options{
		"2.4.6": {}, "with the port": {OAuthKeepsPort: true}, "path as sent": {OAuthPathAsSent: true},
	} {
		t.Run(name, func(t *testing.T) {
			server := magentotest.New(oddShop(t), options)
			readAll(t, client(t, server, magento.OAuth1("ck-1234", "cs+/&=", "at-1234", "ats %25")))
		})
	}
	wrong := magentotest.New(oddShop(t), magentotest.Options{})
	_, err := client(t, wrong, magento.OAuth1("ck-1234", "cs+/&=", "at-1234", "wrong")).Get(context.Background(), "store/websites", nil)
	var e *magento.Error
	if !errors.As(err, &e) || e.Status != 401 || !strings.Contains(e.Message, "signature is invalid") {
		t.Errorf("a wrong secret: %v", err)
	}
}

func TestAdmin_TheClientLogsIn(t *testing.T) {
	admins := []magentotest.Admin{{Username: "optiply", Password: "pä$$ word"}}
	for name, options := range map[string]magentotest.Options{
		"both paths":      {Admins: admins},
		"with index.php":  {Admins: admins, OnlyLoginPath: "/index.php/rest/V1/integration/admin/token"},
		"without":         {Admins: admins, OnlyLoginPath: "/rest/V1/integration/admin/token"},
		"without bearers": {Admins: admins, NoBearer: true},
	} {
		t.Run(name, func(t *testing.T) {
			server := magentotest.New(oddShop(t), options)
			c := client(t, server, magento.AdminUser("optiply", "pä$$ word"))
			readAll(t, c)
			logins := countLogins(server)
			server.ExpireAdminTokens()
			readAll(t, c)
			if again := countLogins(server) - logins; again != 1 {
				t.Errorf("%d logins after the token ended", again)
			}
		})
	}
}

// countLogins counts the logins that got a token.
func countLogins(server *magentotest.Server) (n int) {
	for _, request := range server.Requests() {
		if request.Method == "POST" && request.Status == 200 {
			n++
		}
	}
	return n
}

// post asks for a token.
func post(t *testing.T, base, path, body string) (int, string) {
	t.Helper()
	response, err := http.Post(base+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

func TestAdmin_AnswersAsMagento(t *testing.T) {
	const path = "/rest/V1/integration/admin/token"
	server := magentotest.New(&magentotest.Shop{}, magentotest.Options{
		Admins: []magentotest.Admin{{Username: "a", Password: "b", Lifetime: 50 * time.Millisecond}, {Username: "c", Password: "d"}},
	})
	base := start(t, server)
	refused := `{"message":"The account sign-in was incorrect or your account is disabled temporarily. Please wait and try again later."}`
	for body, want := range map[string]string{
		`{"username":"a","password":"x"}`: "401 " + refused,
		`{"username":"x","password":"b"}`: "401 " + refused,
		`{"password":"b"}`:                `400 {"message":"\"%fieldName\" is required. Enter and try again.","parameters":{"fieldName":"username"}}`,
		`{"username":"a"}`:                `400 {"message":"\"%fieldName\" is required. Enter and try again.","parameters":{"fieldName":"password"}}`,
		`{`:                               `400 {"message":"Decoding error."}`,
	} {
		if status, text := post(t, base, path, body); fmt.Sprint(status, " ", text) != want {
			t.Errorf("%s: %d %s", body, status, text)
		}
	}
	status, text := post(t, base, path, `{"username":"a","password":"b"}`)
	var mine string
	if err := json.Unmarshal([]byte(text), &mine); err != nil || status != 200 || mine == "" {
		t.Fatalf("%d %s", status, text)
	}
	ask := func() int {
		return get(t, server, "/rest/V1/store/websites", "Authorization", "Bearer "+mine).Code
	}
	if ask() != 200 || get(t, server, "/rest/V1/store/websites").Code != 401 {
		t.Error("the token is not good, or any is")
	}
	time.Sleep(60 * time.Millisecond)
	if ask() != 401 {
		t.Error("the token does not end")
	}
	for range 6 {
		post(t, base, path, `{"username":"c","password":"x"}`)
	}
	if status, text := post(t, base, path, `{"username":"c","password":"d"}`); status != 401 || text != refused {
		t.Errorf("not locked after six failures: %d %s", status, text)
	}
	if status, _ := post(t, base, "/rest/V1/store/websites", "{}"); status != 404 {
		t.Errorf("a POST elsewhere: %d", status)
	}
}

func TestBearer_CanBeSwitchedOff(t *testing.T) {
	shop := &magentotest.Shop{AccessToken: token}
	want := `{"message":"The consumer isn't authorized to access %resources.","parameters":{"resources":"Magento_Backend::store"}}`
	answer := get(t, magentotest.New(shop, magentotest.Options{NoBearer: true}), "/rest/V1/store/websites")
	if answer.Code != 401 || answer.Body.String() != want {
		t.Errorf("%d %s", answer.Code, answer.Body)
	}
	keys := &magentotest.OAuth{AccessToken: "integration"}
	server := magentotest.New(shop, magentotest.Options{OAuth: keys})
	for bearer, status := range map[string]int{token: 200, "integration": 200, "other": 401} {
		if answer := get(t, server, "/rest/V1/store/websites", "Authorization", "Bearer "+bearer); answer.Code != status {
			t.Errorf("%s: %d", bearer, answer.Code)
		}
	}
}

func TestLoad_ReadsTheKeysOfOAuth(t *testing.T) {
	shop, err := magentotest.Load(fstest.MapFS{"shop.json": {Data: []byte(
		`{"name":"x","oauth":{"consumer_key":"a","consumer_secret":"b","access_token":"c","access_token_secret":"d"}}`)}})
	if err != nil {
		t.Fatal(err)
	}
	if *shop.OAuth != (magentotest.OAuth{ConsumerKey: "a", ConsumerSecret: "b", AccessToken: "c", AccessTokenSecret: "d"}) {
		t.Errorf("%+v", shop.OAuth)
	}
	if _, err := magentotest.Load(os.DirFS("testdata/msi")); err != nil {
		t.Error(err)
	}
}
