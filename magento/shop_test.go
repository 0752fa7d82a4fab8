package magento_test

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"magento-optiply/magento"
	"magento-optiply/magento/magentotest"
)

// recordedShop serves the fixtures of the first night.
func recordedShop(t *testing.T, options magentotest.Options) (*magento.Client, *magentotest.Shop) {
	t.Helper()
	shop, err := magentotest.Load(os.DirFS("../fixtures/demo/night-1"))
	if err != nil {
		t.Fatal(err)
	}
	shop.AccessToken = "fixture-token"
	server := magentotest.New(shop, options)
	url, err := server.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	client, err := magento.NewClient(magento.Config{StoreURL: url, Auth: magento.Bearer("fixture-token"), Retries: -1})
	if err != nil {
		t.Fatal(err)
	}
	return client, shop
}

type item struct {
	ID  int64  `json:"id"`
	SKU string `json:"sku"`
}

func readProducts(t *testing.T, client *magento.Client) []item {
	t.Helper()
	var all []item
	pager := magento.Keyset{Field: "entity_id", PageSize: 7, Base: magento.Criteria{Fields: "items[id,sku],total_count"}}
	for done := false; !done; {
		answer, err := client.Get(context.Background(), "products", pager.Request().Query())
		if err != nil {
			t.Fatal(err)
		}
		page, err := magento.ReadPage(answer.Body, "id")
		if err != nil {
			t.Fatal(err)
		}
		var list struct{ Items []item }
		if err := json.Unmarshal(answer.Body, &list); err != nil {
			t.Fatal(err)
		}
		all = append(all, list.Items...)
		if pager, done, err = pager.Next(page); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func TestClient_ReadsARecordedShopWhole(t *testing.T) {
	client, shop := recordedShop(t, magentotest.Options{})
	products := readProducts(t, client)
	if want := len(shop.Records("products")); len(products) != want {
		t.Fatalf("%d products, want %d", len(products), want)
	}
	for _, p := range products {
		if _, err := client.Get(context.Background(), "stockStatuses/"+magento.SKUPath(p.SKU), nil); err != nil {
			t.Errorf("stock of %q: %v", p.SKU, err)
		}
	}
	_, err := client.Get(context.Background(), "stockStatuses/"+magento.SKUPath("NO/SUCH"), nil)
	var e *magento.Error
	if !errors.As(err, &e) || e.Kind != magento.NotFound || e.Message != `The Product with the "NO/SUCH" SKU doesn't exist.` {
		t.Errorf("a SKU that is not there: %v", err)
	}
}

func TestClient_TellsApachesRefusalFromAMissingProduct(t *testing.T) {
	client, _ := recordedShop(t, magentotest.Options{Apache: true})
	for _, p := range readProducts(t, client) {
		_, err := client.Get(context.Background(), "stockStatuses/"+magento.SKUPath(p.SKU), nil)
		var e *magento.Error
		if errors.As(err, &e) && e.Kind != magento.HTMLNotFound {
			t.Errorf("stock of %q: %v", p.SKU, err)
		}
	}
}

func TestClient_SaysWhichPermissionIsMissing(t *testing.T) {
	client, _ := recordedShop(t, magentotest.Options{DeniedResources: []string{"Magento_Sales::actions_view"}})
	_, err := client.Get(context.Background(), "orders", magento.Criteria{PageSize: 1}.Query())
	var e *magento.Error
	if !errors.As(err, &e) || e.Kind != magento.Forbidden || e.Resource != "Magento_Sales::actions_view" {
		t.Errorf("got %v", err)
	}
}

func ExampleKeyset() {
	var client *magento.Client // from magento.NewClient
	read := func(ctx context.Context, keep func(body []byte) error) error {
		pager := magento.Keyset{Field: "entity_id", PageSize: 300, Base: magento.Criteria{Fields: "items[id,sku],total_count"}}
		for done := false; !done; {
			answer, err := client.Get(ctx, "products", pager.Request().Query())
			if err != nil {
				return err
			}
			page, err := magento.ReadPage(answer.Body, "id") // the column is entity_id, the item's field id
			if err != nil {
				return err
			}
			if pager, done, err = pager.Next(page); err != nil {
				return err
			}
			if err := keep(answer.Body); err != nil {
				return err
			}
		}
		return nil
	}
	_ = read
}
