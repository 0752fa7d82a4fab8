package magentotest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"magento-optiply/magento"
	"magento-optiply/magento/magentotest"
)

// The real client pages a generated shop by keyset while other people delete, add and save orders between any two requests: each
// order that was there throughout is read once.
func TestGenerate_KeysetLosesNothingWhileTheShopChanges(t *testing.T) {
	for seed := range uint64(12) {
		random := rand.New(rand.NewPCG(seed, 0))
		shop := magentotest.Generate(magentotest.GenerateOptions{Seed: seed, Orders: 40, Slim: true})
		server := magentotest.New(shop, magentotest.Options{})
		c := client(t, server, magento.Bearer("any"))
		added := 40
		touched := map[int]bool{} // orders that were not there throughout
		server.AddFault(magentotest.Fault{Between: func(int) {
			id := 1 + random.IntN(added)
			switch random.IntN(4) {
			case 0:
				shop.Delete("orders", fmt.Sprint(id))
				touched[id] = true
			case 1:
				added++
				touched[added] = true
				if err := shop.Put("orders", json.RawMessage(fmt.Sprintf(`{"entity_id":%d,"updated_at":"2026-01-01 00:00:00"}`, added))); err != nil {
					t.Error(err)
				}
			case 2:
				shop.Touch("orders", fmt.Sprint(id), time.Unix(1790000000, 0))
			}
		}})
		before := map[int]bool{}
		for _, id := range entityIDs(t, shop.Records("orders")) {
			before[id] = true
		}
		read := map[int]int{}
		pager := magento.Keyset{Field: "entity_id", PageSize: 3 + random.IntN(10)}
		for done := false; !done; {
			answer, err := c.Get(context.Background(), "orders", pager.Request().Query())
			if err != nil {
				t.Fatal(err)
			}
			page, err := magento.ReadPage(answer.Body, "entity_id")
			if err != nil {
				t.Fatal(err)
			}
			var list struct{ Items []json.RawMessage }
			mustDecode(t, answer.Body, &list)
			for _, id := range entityIDs(t, list.Items) {
				read[id]++
			}
			if pager, done, err = pager.Next(page); err != nil {
				t.Fatal(err)
			}
		}
		for id := range before {
			if !touched[id] && read[id] != 1 {
				t.Fatalf("order %d was read %d times", id, read[id])
			}
		}
		for id, times := range read {
			if times > 1 {
				t.Fatalf("order %d was read %d times", id, times)
			}
		}
	}
}

func entityIDs(t testing.TB, records []json.RawMessage) (ids []int) {
	t.Helper()
	for _, record := range records {
		var order struct {
			ID int `json:"entity_id"`
		}
		mustDecode(t, record, &order)
		ids = append(ids, order.ID)
	}
	return ids
}
