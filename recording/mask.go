package recording

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"regexp"
	"strings"
	"unicode"
)

// Mask replaces personal data, the same value always by the same, so that what belonged together still does. Whoever has the
// key can tell whose a replacement is; a recording does not hold it.
//
// Streams that hold personal data are gone through by an allow-list: what is known to be harmless passes (ids, SKUs, states,
// times, amounts, the names of products), and every other text and number is replaced. In the catalogue it is the other way
// round: all passes but members with a telling name, and mail addresses wherever they stand.
type Mask struct {
	key  []byte
	host string // of the shop; empty where it is not known
}

// NewMask makes a mask. shopHost, such as www.shop.nl, is replaced too.
func NewMask(key []byte, shopHost string) *Mask {
	return &Mask{key: key, host: strings.ToLower(shopHost)}
}

// madeUpHost stands for the shop's.
const madeUpHost = "shop.example"

// catalogue are the streams that are about things. Every other one, also one that this package does not know, is gone through
// by the allow-list.
func catalogue(stream string) bool {
	switch stream {
	case "products", "stock_statuses", "stock_items", "source_items", "salable", "categories", "product_attributes", "sales_rules", "websites", "stores",
		"parked": // of the state
		return true
	}
	return false
}

var (
	// harmless are members that pass in every stream, with any value.
	harmless = regexp.MustCompile(`^(sku|state|status|product_type|type_id|source_code|attribute_code|(created|updated|from|to|expiration)_(at|date)|` +
		`(base|global|order|store|default_display)_currency_code|base_to_global_rate|base_to_order_rate|country_id|code|locale|timezone|weight_unit|` +
		`subtotal|base_subtotal|qty_ordered|base_row_total)$`)
	// ids pass when they are numbers.
	ids = regexp.MustCompile(`^(id|(entity|item|parent|parent_item|order|order_item|product|quote|quote_item|store|website|group|customer|customer_group|` +
		`billing_address|shipping_address|address|invoice|creditmemo|shipment|rule|coupon|attribute_set|region|increment|default_display)_id|increment_id|default_billing|` +
		`default_shipping|applied_rule_ids|customer_group_ids|website_ids)$`)
	// amounts pass when they are numbers.
	amounts = regexp.MustCompile(`(^|_)(amount|amnt|total|subtotal|price|qty|rate|discount|cost|weight|refunded|invoiced|canceled|shipped|due|paid|count|` +
		`adjustment|positive|negative|row|percent)(_|$)|^(is|no|use|can|has)_|_is_|^(type|usage_limit|usage_per_customer|times_used|enabled)$`)
	// telling names of members that hold personal data or secrets, in the catalogue too.
	telling = regexp.MustCompile(`(?i)(^|_)(e?mail|emails|firstname|lastname|middlename|first_name|last_name|contact|contact_name|phone|telephone|mobile|fax|street|postcode|` +
		`zip|city|dob|birth|birthday|birthdate|ip|remote_ip|vat|vat_id|taxvat|tax_id|iban|bic|password|passwd|secret|token|api_key|apikey|cookie|signature|session)(_|$)`)
	plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	mailIn    = regexp.MustCompile(`[A-Za-z0-9._%+'-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+`)
	mail      = regexp.MustCompile(`^[^@\s]+@[^@\s]+$`)
	number    = regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?$`)
	dateText  = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9:.]+(Z|[+-][0-9:]+)?)?$`)
	idList    = regexp.MustCompile(`^[0-9]+(,[0-9]+)*$`)
)

// member is where a value stands: the stream, the member's name, and the name of what is around it.
type member struct {
	stream, name, parent string
}

// keeps tells whether a value may pass as it is.
func (m member) keeps(text string, isNumber bool) bool {
	if telling.MatchString(m.name) {
		return false
	}
	if m.stream == "coupons" && m.name == "code" { // a voucher that is good for money
		return false
	}
	switch {
	case catalogue(m.stream):
		return true
	case strings.Contains(text, "@"), strings.Contains(text, "://"):
		return false
	case harmless.MatchString(m.name):
		return true
	case m.name == "name":
		return m.parent == "items" || m.stream == "sources" || m.stream == "store_configs"
	case ids.MatchString(m.name):
		return isNumber || idList.MatchString(text)
	}
	return amounts.MatchString(m.name) && number.MatchString(text)
}

// Record replaces what is personal in one record of a stream. Members keep their order, numbers their digits.
func (k *Mask) Record(stream string, record []byte) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(record))
	d.UseNumber()
	out := bytes.NewBuffer(make([]byte, 0, len(record)))
	if err := k.value(d, out, member{stream: stream}); err != nil {
		return nil, fmt.Errorf("replace personal data: %w", err)
	}
	return out.Bytes(), nil
}

func (k *Mask) value(d *json.Decoder, out *bytes.Buffer, at member) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	switch v := token.(type) {
	case json.Delim:
		if v == '{' {
			return k.object(d, out, at)
		}
		return k.list(d, out, at)
	case string:
		writeText(out, k.text(at, v))
	case json.Number:
		text := v.String()
		if !at.keeps(text, true) {
			text = k.digits(text)
		}
		out.WriteString(text)
	case bool:
		fmt.Fprint(out, v)
	default:
		out.WriteString("null")
	}
	return nil
}

func (k *Mask) object(d *json.Decoder, out *bytes.Buffer, at member) error {
	out.WriteByte('{')
	attribute := ""
	for first := true; d.More(); first = false {
		token, err := d.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string)
		if !first {
			out.WriteByte(',')
		}
		shown := name
		if !plainName.MatchString(name) && !number.MatchString(name) && !catalogue(at.stream) {
			shown = k.replacement(name)
		}
		writeText(out, shown)
		out.WriteByte(':')
		inner := member{stream: at.stream, name: name, parent: at.name}
		if name == "value" && attribute != "" { // {"attribute_code": "contact_email", "value": ...}
			inner.name = attribute
		}
		before := out.Len()
		if err := k.value(d, out, inner); err != nil {
			return err
		}
		if name == "attribute_code" {
			_ = json.Unmarshal(out.Bytes()[before:], &attribute)
		}
	}
	out.WriteByte('}')
	_, err := d.Token()
	return err
}

func (k *Mask) list(d *json.Decoder, out *bytes.Buffer, at member) error {
	out.WriteByte('[')
	for first := true; d.More(); first = false {
		if !first {
			out.WriteByte(',')
		}
		if err := k.value(d, out, at); err != nil {
			return err
		}
	}
	out.WriteByte(']')
	_, err := d.Token()
	return err
}

// text is a text as it may be shown.
func (k *Mask) text(at member, text string) string {
	switch {
	case !at.keeps(text, false):
		return k.replacement(text)
	case !catalogue(at.stream), at.parent == "" && (harmless.MatchString(at.name) || at.name == "name"):
		return text // a product's SKU and name are what the diff is made of
	}
	return k.Inside(text)
}

// Inside replaces mail addresses and the shop's own address within a text that is otherwise shown.
func (k *Mask) Inside(text string) string {
	if strings.Contains(text, "@") {
		text = mailIn.ReplaceAllStringFunc(text, k.replacement)
	}
	if k.host != "" {
		for lower := strings.ToLower(text); len(lower) == len(text); lower = strings.ToLower(text) {
			i := strings.Index(lower, k.host)
			if i < 0 {
				break
			}
			text = text[:i] + madeUpHost + text[i+len(k.host):]
		}
	}
	return text
}

// replacement is what stands for a value: of the same kind, and never the value itself.
func (k *Mask) replacement(text string) string {
	if !strings.ContainsFunc(text, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
		return text
	}
	switch {
	case mail.MatchString(text):
		// Magento compares addresses without regard to case.
		return "person-" + hex.EncodeToString(k.hash(strings.ToLower(text), 0)[:6]) + "@example.com"
	case strings.HasPrefix(text, "http://"), strings.HasPrefix(text, "https://"):
		return "https://" + madeUpHost + "/" + hex.EncodeToString(k.hash(text, 0)[:6])
	case dateText.MatchString(text):
		return k.date(text)
	}
	if address, err := netip.ParseAddr(text); err == nil {
		return k.address(address)
	}
	return k.shape(text)
}

func (k *Mask) hash(text string, round byte) []byte {
	h := hmac.New(sha256.New, k.key)
	h.Write([]byte{round})
	io.WriteString(h, text)
	return h.Sum(nil)
}

// shape keeps what a text looks like: letters become letters, digits digits, all else stays.
func (k *Mask) shape(text string) string {
	for round := byte(1); ; round++ {
		out := k.shaped(text, round)
		if !strings.EqualFold(out, text) || round == 255 {
			return out
		}
	}
}

func (k *Mask) shaped(text string, round byte) string {
	stream, used := k.hash(text, round), 0
	next := func(of int) int {
		if used == len(stream) {
			stream, used = k.hash(string(stream), round), 0
		}
		used++
		return int(stream[used-1]) % of
	}
	first := true // a number must not begin with 0
	return strings.Map(func(r rune) rune {
		defer func() { first = false }()
		switch {
		case unicode.IsDigit(r) && first && r != '0':
			return rune('1' + next(9))
		case unicode.IsDigit(r) && first:
			return '0'
		case unicode.IsDigit(r):
			return rune('0' + next(10))
		case unicode.IsUpper(r):
			return rune('A' + next(26))
		case unicode.IsLetter(r):
			return rune('a' + next(26))
		}
		return r
	}, text)
}

// digits replaces a number by one that is as long.
func (k *Mask) digits(text string) string {
	sign := ""
	if strings.HasPrefix(text, "-") {
		sign, text = "-", text[1:]
	}
	whole, _, _ := strings.Cut(strings.ToLower(text), "e") // 1e400 would not be read again
	if whole == "0" {
		return "0"
	}
	return sign + k.shape(whole)
}

// date is a day of the last century, with no time of day.
func (k *Mask) date(text string) string {
	date := text[:10]
	for round := byte(0); date == text[:10] && round < 255; round++ {
		n := binary.BigEndian.Uint32(k.hash(text, round))
		date = fmt.Sprintf("%04d-%02d-%02d", 1930+n%60, 1+n/60%12, 1+n/720%28)
	}
	if len(text) > len(date) {
		date += strings.Map(func(r rune) rune {
			if unicode.IsDigit(r) {
				return '0'
			}
			return r
		}, text[len(date):])
	}
	return date
}

// address is of a private network, or of the one kept for documentation.
func (k *Mask) address(was netip.Addr) string {
	h := k.hash(was.Unmap().String(), 0)
	if was.Unmap().Is4() {
		return netip.AddrFrom4([4]byte{10, h[0], h[1], h[2]}).String()
	}
	made := [16]byte{0x20, 0x01, 0x0d, 0xb8}
	copy(made[4:], h)
	return netip.AddrFrom16(made).String()
}

// writeText writes a JSON string with < and & as they are.
func writeText(out *bytes.Buffer, text string) {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // a string can always be encoded
	out.Truncate(out.Len() - 1)
}
