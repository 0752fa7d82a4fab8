package magentotest_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"magento-optiply/magento/magentotest"
)

// A shop need not come from a folder: records can be put in, and taken out again, while it is being asked.
func Example() {
	shop := &magentotest.Shop{AccessToken: "demo-token"}
	_ = shop.Put("products", json.RawMessage(`{"id": 1, "sku": "SKU/1", "price": 19.950}`))

	server := magentotest.New(shop, magentotest.Options{
		Faults: []magentotest.Fault{{Prefix: "/V1/products", Times: 1, Status: 503, Body: "busy", Header: map[string]string{"Retry-After": "1"}}},
	})
	baseURL, err := server.Start()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()

	for range 2 {
		request, _ := http.NewRequest("GET", baseURL+"/rest/V1/products?searchCriteria[pageSize]=1&fields=items[sku,price],total_count", nil)
		request.Header.Set("Authorization", "Bearer demo-token")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			fmt.Println(err)
			return
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		fmt.Println(response.StatusCode, string(body))
	}
	fmt.Println(len(server.Requests()), "requests")
	// Output:
	// 503 busy
	// 200 {"items":[{"sku":"SKU\/1","price":19.950}],"total_count":1}
	// 2 requests
}
