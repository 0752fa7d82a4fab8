package recording

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func masked(t *testing.T, k *Mask, stream, record string) string {
	t.Helper()
	out, err := k.Record(stream, []byte(record))
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(out) {
		t.Fatalf("%s is no JSON", out)
	}
	return string(out)
}

func TestMask_KeepsTheShapeAndNotTheValue(t *testing.T) {
	t.Parallel()
	k := NewMask([]byte("0123456789abcdef"), "www.shop.nl")
	for value, shape := range map[string]string{
		"Jan de Vries":                 `^[A-Z][a-z]{2} [a-z]{2} [A-Z][a-z]{4}$`,
		"jan.de.vries@provider.nl":     `^person-[0-9a-f]{12}@example\.com$`,
		"+31 6 1234-5678":              `^\+[0-9]{2} [0-9] [0-9]{4}-[0-9]{4}$`,
		"1234 AB":                      `^[0-9]{4} [A-Z]{2}$`,
		"NL123456789B01":               `^[A-Z]{2}[0-9]{9}[A-Z][0-9]{2}$`,
		"1980-02-29":                   `^19[3-8][0-9]-[01][0-9]-[0-2][0-9]$`,
		"1980-02-29 12:30:00":          `^19[3-8][0-9]-[01][0-9]-[0-2][0-9] 00:00:00$`,
		"203.0.113.77":                 `^10\.`,
		"2001:4860:4860::8888":         `^2001:db8:`,
		"https://www.shop.nl/admin/x/": `^https://shop\.example/[0-9a-f]{12}$`,
		"Şükrü Öztürk":                 `^[A-Z][a-z]{4} [A-Z][a-z]{5}$`,
		"J":                            `^[A-Z]$`,
		"":                             `^$`,
		"-":                            `^-$`,
	} {
		got := k.replacement(value)
		if !regexp.MustCompile(shape).MatchString(got) {
			t.Errorf("%q becomes %q, want %s", value, got, shape)
		}
		if strings.Trim(value, "-") != "" && strings.EqualFold(got, value) {
			t.Errorf("%q stays", value)
		}
		if got != k.replacement(value) {
			t.Errorf("%q is not always the same", value)
		}
		if other := NewMask([]byte("another key 1234"), ""); len(value) > 8 && !strings.HasPrefix(value, "-") && got == other.replacement(value) {
			t.Errorf("%q is the same under another key", value)
		}
	}
	if _, err := netip.ParseAddr(k.replacement("203.0.113.77")); err != nil {
		t.Error(err)
	}
	if k.replacement("Jan@Provider.NL") != k.replacement("jan@provider.nl") {
		t.Error("a mail address is another in another case")
	}
}

// personal is a customer as shops have them, with every place where a person can stand.
const personal = `{"id":7,"group_id":1,"default_billing":"12","created_at":"2024-03-01 09:15:00","updated_at":"2024-03-02 10:00:00","created_in":"Webwinkel Utrecht",
"dob":"1971-06-05","email":"Wilhelmina.Kortekaas@provider.nl","firstname":"Wilhelmina","lastname":"Kortekaas","prefix":"Mevrouw","gender":2,"taxvat":"NL998877665B01","store_id":1,
"addresses":[{"id":12,"customer_id":7,"region":{"region_code":"UT","region":"Utrechtprovincie","region_id":501},"country_id":"NL","street":["Zonnebloemstraat 147-bis","3e etage"],
"telephone":"030-7654321","fax":307654329,"postcode":"3581 XK","city":"Bunnikerveld","firstname":"Wilhelmina","lastname":"Kortekaas","vat_id":"NL998877665B01","company":"Kortekaas Beheer"}],
"custom_attributes":[{"attribute_code":"iban_number","value":"NL20INGB0001234567"},{"attribute_code":"note","value":"belt altijd na zessen"}],
"extension_attributes":{"is_subscribed":true,"willemien@elders.nl":{"last_login_ip":"203.0.113.77"},"loyalty_number":44556677889}}`

func personalValues() []string {
	return []string{"1971-06-05", "Wilhelmina", "Kortekaas", "provider.nl", "Mevrouw", "NL998877665B01", "Utrechtprovincie", "Zonnebloemstraat", "147-bis", "etage", "7654321",
		"307654329", "3581 XK", "Bunnikerveld", "Beheer", "NL20INGB0001234567", "zessen", "willemien", "elders", "203.0.113.77", "44556677889", "Webwinkel"}
}

func holdsNone(t *testing.T, where, text string, values []string) {
	t.Helper()
	for _, v := range values {
		if strings.Contains(strings.ToLower(text), strings.ToLower(v)) {
			t.Errorf("%s holds %q:\n%s", where, v, text)
		}
	}
}

func TestMask_LeavesNoPersonInAnyStreamThatHasSome(t *testing.T) {
	t.Parallel()
	k := NewMask([]byte("0123456789abcdef"), "")
	for _, stream := range []string{"customers", "orders", "invoices", "credit_memos", "a_stream_of_tomorrow"} {
		got := masked(t, k, stream, personal)
		holdsNone(t, stream, got, personalValues())
		for _, kept := range []string{`"id":7`, `"group_id":1`, `"default_billing":"12"`, `"created_at":"2024-03-01 09:15:00"`, `"country_id":"NL"`, `"store_id":1`} {
			if !strings.Contains(got, kept) {
				t.Errorf("%s has no %s any more:\n%s", stream, kept, got)
			}
		}
	}
}

func TestMask_JoinsStillHold(t *testing.T) {
	t.Parallel()
	k := NewMask([]byte("0123456789abcdef"), "")
	customer := masked(t, k, "customers", `{"id":7,"email":"jan@provider.nl","lastname":"Kortekaas"}`)
	order := masked(t, k, "orders", `{"entity_id":1,"customer_id":7,"customer_email":"jan@provider.nl","customer_lastname":"Kortekaas"}`)
	var c struct{ Email, Lastname string }
	var o struct {
		Email    string `json:"customer_email"`
		Lastname string `json:"customer_lastname"`
	}
	if err := json.Unmarshal([]byte(customer), &c); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(order), &o); err != nil {
		t.Fatal(err)
	}
	if c.Email == "" || c.Email != o.Email || c.Lastname != o.Lastname {
		t.Errorf("customer %s, order %s", customer, order)
	}
}

// What the diff is made of passes byte for byte.
func TestMask_LeavesWhatTheDiffIsMadeOf(t *testing.T) {
	t.Parallel()
	k := NewMask([]byte("0123456789abcdef"), "www.shop.nl")
	for stream, record := range map[string]string{
		"orders": `{"entity_id":1,"increment_id":"000000001","state":"complete","status":"wachtend_op_jan","store_id":1,"created_at":"2026-02-27 10:00:00",` +
			`"updated_at":"2026-02-27 10:00:02","subtotal":81.990,"base_subtotal":"1e2","order_currency_code":"EUR","base_currency_code":"EUR",` +
			`"items":[{"item_id":1,"parent_item_id":null,"product_id":"12","sku":"SKU/É & <b>","product_type":"simple","qty_ordered":3.0000,"base_row_total":-1.50,"name":"Tas van Jan"}]}`,
		"products":       `{"id":1,"sku":"A@B","name":"Mail jan@provider.nl at www.shop.nl","price":19.990,"status":1,"type_id":"simple","created_at":"2024-03-01 09:15:00","updated_at":"x"}`,
		"stock_statuses": `{"sku":"A@B","answer":{"product_id":1,"qty":56.0,"stock_item":{"qty":97,"manage_stock":true}}}`,
		"source_items":   `{"source_item_id":1,"sku":"A","source_code":"src/é","quantity":12.50,"status":1}`,
		"sources":        `{"source_code":"src/é","name":"Rotterdam “Haven”","enabled":true}`,
		"stores":         `{"id":1,"code":"default","name":"Default","website_id":1}`,
	} {
		if got := masked(t, k, stream, record); got != record {
			t.Errorf("%s:\n%s\nbecomes\n%s", stream, record, got)
		}
	}
}

func TestMask_LeavesNoAddressOfTheShopAndNoVoucher(t *testing.T) {
	t.Parallel()
	k := NewMask([]byte("0123456789abcdef"), "www.shop.nl")
	for stream, record := range map[string]string{
		"products":      `{"id":1,"sku":"A","custom_attributes":[{"attribute_code":"description","value":"see https://WWW.shop.nl/a or ask jan@provider.nl"},{"attribute_code":"supplier_email","value":"jan"}]}`,
		"store_configs": `{"id":1,"code":"default","base_url":"https://www.shop.nl/","secure_base_media_url":"https://cdn.shop.nl/media/"}`,
		"sources":       `{"source_code":"a","name":"A","contact_name":"jan","email":"jan@provider.nl","street":"www.shop.nl"}`,
		"coupons":       `{"coupon_id":1,"rule_id":2,"code":"JAN10","times_used":3}`,
	} {
		holdsNone(t, stream, masked(t, k, stream, record), []string{"www.shop.nl", "shop.nl", "jan", "provider.nl", "JAN10"})
	}
}

// Whatever a record looks like, it stays JSON with the same members in the same order, and no text of a person is in it.
func TestMask_AnyRecord(t *testing.T) {
	t.Parallel()
	k := NewMask([]byte("0123456789abcdef"), "")
	rapid.Check(t, func(r *rapid.T) {
		names := rapid.SliceOfN(rapid.StringMatching(`[a-z_]{1,12}`), 1, 6).Draw(r, "names")
		values := rapid.SliceOfN(rapid.StringMatching(`Secret[A-Za-z0-9 @.<>&"é]{0,20}`), len(names), len(names)).Draw(r, "values")
		var record strings.Builder
		for i, name := range names {
			fmt.Fprintf(&record, `,%s:{"custom_%s":[%s,1.50,null,true]}`, quoted(name), name, quoted(values[i]))
		}
		got, err := k.Record("customers", []byte("{"+record.String()[1:]+"}"))
		if err != nil || !json.Valid(got) {
			r.Fatalf("%s: %v", got, err)
		}
		if strings.Contains(string(got), "Secret") {
			r.Fatalf("%s", got)
		}
		_, was, _ := split([]byte("{" + record.String()[1:] + "}"))
		_, is, err := split(got)
		if err != nil || fmt.Sprint(was) != fmt.Sprint(is) {
			r.Fatalf("members %v, want %v", is, was)
		}
	})
}
