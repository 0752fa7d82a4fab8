package extract

import (
	"fmt"
	"strings"
	"testing"

	"magento-optiply/magento"
)

// BenchmarkOnlyAsked cuts a page of 300 whole records, of a shop that does not know fields=.
func BenchmarkOnlyAsked(b *testing.B) {
	product := `{"id":%d,"sku":"SKU-%[1]d","name":"A product with a name of some length","attribute_set_id":4,"price":12.5,"status":1,"visibility":4,"type_id":"simple","created_at":"2024-01-01 10:00:00","updated_at":"2024-01-02 10:00:00",` +
		`"extension_attributes":{"website_ids":[1,2],"category_links":[{"position":0,"category_id":"5"}]},"custom_attributes":[` +
		strings.TrimSuffix(strings.Repeat(`{"attribute_code":"description","value":"<p>Some text that has \/ and \"quotes\" in it, and goes on for a while.<\/p>"},`, 25), ",") + "]}"
	order := `{"base_currency_code":"EUR","customer_email":"a@b.example","entity_id":%d,"increment_id":"%[1]d","state":"new","status":"pending","subtotal":132.23,"created_at":"2024-01-01 10:00:00","items":[` +
		strings.TrimSuffix(strings.Repeat(`{"amount_refunded":0,"base_original_price":132.23,"base_price_incl_tax":159.99,"base_row_total":132.23,"item_id":10,"name":"A product","product_id":72,"qty_ordered":1,"row_invoiced":0,"sku":"SKU-72","weight":1},`, 5), ",") +
		`],"billing_address":{"city":"Amsterdam","street":["A street 1"],"telephone":"+31 20 0000000"},"payment":{"additional_information":["Check"],"method":"checkmo"}}`
	for _, page := range []struct{ name, item, fields string }{
		{"products", product, "items[id,sku,name,price,status,type_id,created_at,updated_at],total_count"}, {"orders", order, orderFields},
	} {
		items := make([]string, 300)
		for i := range items {
			items[i] = fmt.Sprintf(page.item, i+1)
		}
		body := []byte(`{"items":[` + strings.Join(items, ",") + `],"search_criteria":{"page_size":300},"total_count":300}`)
		query := magento.Criteria{Fields: page.fields}.Query()
		b.Run(page.name, func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if cut, ok := onlyAsked(query).keep(body); !ok || len(cut) >= len(body) {
					b.Fatal(len(cut), ok)
				}
			}
		})
	}
}
