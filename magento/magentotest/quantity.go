package magentotest

import (
	"strconv"
	"strings"
)

// quantity is a stock quantity in ten-thousandths: Magento's columns are DECIMAL(12,4).
type quantity int64

const one quantity = 10000

// parseQuantity reads a JSON number or text; what is none is 0.
func parseQuantity(raw []byte) quantity {
	text := strings.TrimLeft(unquote(raw), " ")
	negative := strings.HasPrefix(text, "-")
	whole, fraction, _ := strings.Cut(strings.TrimLeft(text, "+-"), ".")
	n, err := strconv.ParseInt(whole, 10, 48)
	if err != nil && whole != "" {
		return 0
	}
	f, err := strconv.ParseInt((fraction + "0000")[:4], 10, 48)
	if err != nil {
		f = 0
	}
	q := quantity(n)*one + quantity(f)
	if negative {
		return -q
	}
	return q
}

// String writes the quantity as PHP writes a float: without zeros at the end.
func (q quantity) String() string {
	sign := ""
	if q < 0 {
		sign, q = "-", -q
	}
	text := sign + strconv.FormatInt(int64(q/one), 10)
	if f := q % one; f != 0 {
		text += "." + strings.TrimRight(strconv.FormatInt(int64(one+f), 10)[1:], "0")
	}
	return text
}

// fraction is what stockStatuses cuts off. [obs: 50.5 became 50]
func (q quantity) fraction() quantity { return q % one }
