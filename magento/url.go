package magento

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

const upperHex = "0123456789ABCDEF"

// unreserved are the characters that RFC 3986 never wants encoded.
func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

// escape percent-encodes everything but unreserved characters.
func escape(s string) string {
	var b strings.Builder
	b.Grow(len(s) + 8)
	for i := range len(s) {
		if c := s[i]; unreserved(c) {
			b.WriteByte(c)
		} else {
			b.Write([]byte{'%', upperHex[c>>4], upperHex[c&15]})
		}
	}
	return b.String()
}

// SKUPath writes a SKU as one segment of a path: one level of percent-encoding
// of everything that is not unreserved, "/" included, and dots encoded where
// they alone would be a step in the tree ("%2E%2E" was answered, for a product
// with the SKU ".."). nginx passes "%2F" on; Apache answers it with an HTML 404
// of its own unless AllowEncodedSlashes is set, which is an HTMLNotFound and
// no proof that the product is gone.
func SKUPath(sku string) string {
	if sku == "." || sku == ".." {
		return strings.Repeat("%2E", len(sku))
	}
	return escape(sku)
}

// parseStoreURL makes the address of the shop's REST API of what people write
// into a configuration: a bare host, a trailing slash, /rest at the end.
func parseStoreURL(s string) (*url.URL, error) {
	s = strings.TrimSpace(s)
	if s == "" {
		return nil, errors.New("magento: store_url is empty")
	}
	if !strings.Contains(s, "://") {
		s = "https://" + s
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return nil, errors.New("magento: store_url is no address") // the cause would repeat it, with what may be a password
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("magento: store_url: scheme %q is neither https nor http", u.Scheme)
	case u.Hostname() == "":
		return nil, errors.New("magento: store_url has no host")
	case u.User != nil:
		return nil, errors.New("magento: store_url must hold no user name or password")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("magento: store_url must hold no query or fragment")
	}
	base := strings.TrimSuffix(strings.TrimRight(u.EscapedPath(), "/"), "/rest")
	return url.Parse(u.Scheme + "://" + u.Host + base)
}

// endpoint is the address of path under a store code: {shop}/rest/V1/{path}
// for the default store view, else {shop}/rest/{code}/V1/{path}.
func endpoint(shop *url.URL, storeCode, path string, query Query) (*url.URL, error) {
	if err := checkStoreCode(storeCode); err != nil {
		return nil, err
	}
	if err := checkPath(path); err != nil {
		return nil, err
	}
	if storeCode != "" {
		storeCode += "/"
	}
	// Parse keeps the path as it is written (RawPath) where its standard
	// encoding differs, so %2F and %2E reach the shop untouched.
	u, err := url.Parse(shop.String() + "/rest/" + storeCode + "V1/" + path)
	if err != nil {
		return nil, fmt.Errorf("magento: path %q: %w", path, err)
	}
	u.RawQuery = query.Encode()
	return u, nil
}

func checkStoreCode(code string) error {
	for i := range len(code) {
		if c := code[i]; !unreserved(c) || c == '.' || c == '~' {
			return fmt.Errorf("magento: store code %q: only letters, digits and underscores are allowed", code)
		}
	}
	return nil
}

// checkPath sees to it that a path stays below the API's root and reaches the
// shop as it is written (STYLE 10).
func checkPath(path string) error {
	for segment := range strings.SplitSeq(path, "/") {
		switch segment {
		case "":
			return fmt.Errorf("magento: path %q has an empty segment", path)
		case ".", "..":
			return fmt.Errorf("magento: path %q leaves its place", path)
		}
		for i := range len(segment) {
			if c := segment[i]; !unreserved(c) && c != '%' {
				return fmt.Errorf("magento: path %q: %q must be percent-encoded", path, c)
			}
		}
		if _, err := url.PathUnescape(segment); err != nil {
			return fmt.Errorf("magento: path %q: %w", path, err)
		}
	}
	return nil
}

// endpointName is path without what differs from record to record, for
// statistics: stockStatuses/{sku}, orders/{id}.
func endpointName(path string) string {
	segments := strings.Split(path, "/")
	for i := 1; i < len(segments); i++ {
		switch {
		case isSKU(segments[i-1], segments[i]):
			segments[i] = "{sku}"
		case strings.Trim(segments[i], "0123456789") == "":
			segments[i] = "{id}"
		}
	}
	return strings.Join(segments, "/")
}

// isSKU tells whether a segment that follows parent is a SKU.
func isSKU(parent, segment string) bool {
	switch parent {
	case "stockStatuses", "get-product-salable-quantity", "is-product-salable":
		return true
	case "stockItems":
		return segment != "lowStock"
	case "products":
		return segment != "attributes" && segment != "types" && segment != "attribute-sets"
	}
	return false
}
