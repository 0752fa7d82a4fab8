package magento

import (
	"context"
	"crypto/rand"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/dghubble/oauth1"
)

// oauth signs with OAuth 1.0a. The hash and the encoding are dghubble/oauth1's;
// the base string is ours, because that library's (0.7.3) sorts parameters by
// bytes, signs the path as it is sent and keeps the port, and Magento verifies
// none of these so: see oauthPath, naturalLess and baseForm.
type oauth struct {
	masked
	consumerKey, token          string
	consumerSecret, tokenSecret string

	form atomic.Uint32 // baseForm that the shop was seen to accept last
	skew atomic.Int64  // what to add to our clock to get the shop's, in ns
}

// OAuth1 signs in with the four keys of an integration, by HMAC-SHA256: Magento
// 2.4.6 answers HMAC-SHA1 with 400 "Signature method %1 is not supported".
func OAuth1(consumerKey, consumerSecret, token, tokenSecret string) Auth {
	return &oauth{masked: "OAuth 1.0a", consumerKey: consumerKey, consumerSecret: consumerSecret, token: token, tokenSecret: tokenSecret}
}

func (o *oauth) check() error {
	return errors.Join(needs("consumer_key", o.consumerKey), needs("consumer_secret", o.consumerSecret),
		needs("access_token", o.token), needs("access_token_secret", o.tokenSecret))
}

func (o *oauth) secrets() []string {
	return []string{o.consumerKey, o.consumerSecret, o.token, o.tokenSecret}
}

// sign writes the Authorization header, with a nonce of its own: Magento
// refuses a nonce it has seen, even of a request it did not accept.
func (o *oauth) sign(_ context.Context, c *Client, req *http.Request, t *trial) error {
	if t.forms == nil {
		t.forms = distinctForms(req.URL, baseForm(o.form.Load()))
	}
	at := c.cfg.Now().Add(time.Duration(o.skew.Load()))
	params := []Param{
		{"oauth_consumer_key", o.consumerKey},
		{"oauth_nonce", rand.Text()},
		{"oauth_signature_method", "HMAC-SHA256"},
		{"oauth_timestamp", strconv.FormatInt(at.Unix(), 10)},
		{"oauth_token", o.token},
		{"oauth_version", "1.0"},
	}
	base := baseString(req.Method, baseURL(req.URL, t.forms[0]), req.URL.RawQuery, params)
	signer := oauth1.HMAC256Signer{ConsumerSecret: o.consumerSecret}
	signature, err := signer.Sign(o.tokenSecret, base)
	if err != nil {
		return err
	}
	fields := make([]string, 0, len(params)+1)
	for _, p := range append(params, Param{"oauth_signature", signature}) {
		fields = append(fields, p.Name+`="`+escape(p.Value)+`"`)
	}
	req.Header.Set("Authorization", "OAuth "+strings.Join(fields, ", "))
	return nil
}

// refused tries what may make another signature acceptable: a new nonce, and
// the shop's clock if ours is far ahead of it ("An error occurred validating
// the nonce" answered a time stamp 20 minutes ahead; one a day old was
// accepted); for an invalid signature, the other forms of the base URL.
func (o *oauth) refused(c *Client, _ *http.Request, e *Error, header http.Header, t *trial) bool {
	switch e.signed {
	case nonceRefused:
		if shop, err := http.ParseTime(header.Get("Date")); err == nil {
			if skew := shop.Sub(c.cfg.Now()); skew.Abs() > time.Minute {
				o.skew.Store(int64(skew))
			}
		}
		t.nonces++
		return t.nonces <= maxNonces
	case signatureRefused:
		if len(t.forms) > 1 {
			t.forms = t.forms[1:]
			return true
		}
	}
	return false
}

// accepted remembers the form for the next request. Where a URL is the same in
// several forms, the one in use differs least from the one remembered.
func (o *oauth) accepted(t *trial) { o.form.Store(uint32(t.forms[0])) }

// maxNonces bounds how many new nonces are tried for one request.
const maxNonces = 2

// baseForm is how the server sees the URL that was signed. Versions differ.
type baseForm uint32

const (
	// pathAsSent: newer versions of magento2 (Framework/Oauth/Helper/Uri/Http,
	// after 2.4.7 [source, not run]) decode only unreserved characters.
	pathAsSent baseForm = 1 << iota
	// withPort: the server keeps a port that is not the scheme's own. 2.4.6 was
	// seen to sign for http://127.0.0.1/rest/... on another port, so without is
	// the form to begin with. On default ports, which is what shops have, there
	// is no port in the URL either way.
	withPort
)

// distinctForms are the forms that make a difference for u, beginning with
// first.
func distinctForms(u *url.URL, first baseForm) []baseForm {
	var forms []baseForm
	var seen []string
	for _, f := range []baseForm{first, first ^ pathAsSent, first ^ withPort, first ^ pathAsSent ^ withPort} {
		if b := baseURL(u, f); !slices.Contains(seen, b) {
			forms, seen = append(forms, f), append(seen, b)
		}
	}
	return forms
}

func baseURL(u *url.URL, form baseForm) string {
	host := strings.ToLower(u.Host)
	if name, port, err := net.SplitHostPort(host); err == nil {
		standard := u.Scheme == "http" && port == "80" || u.Scheme == "https" && port == "443"
		if standard || form&withPort == 0 {
			host = name
			if strings.Contains(name, ":") {
				host = "[" + name + "]"
			}
		}
	}
	allowed := ":@&=+$,/;%"
	if form&pathAsSent != 0 {
		allowed = ""
	}
	return strings.ToLower(u.Scheme) + "://" + host + oauthPath(u.EscapedPath(), allowed)
}

// oauthPath is an escaped path as the server puts it into its base string.
// Magento 2.4.6 decodes the unreserved characters and : @ & = + $ , / ; while
// the rest stays encoded (recorded for twelve SKUs: "/" of a SKU is sent as %2F
// and signed as "/", a space is sent and signed as %20). By the source of
// laminas-uri %25 is decoded too, and encoded again unless two hexadecimal
// digits follow it.
func oauthPath(path, allowed string) string {
	var b strings.Builder
	for i := 0; i < len(path); i++ {
		c := path[i]
		if c != '%' || i+2 >= len(path) || !isHex(path[i+1]) || !isHex(path[i+2]) {
			b.WriteByte(c)
			continue
		}
		code := strings.ToUpper(path[i+1 : i+3])
		i += 2
		decoded, _ := strconv.ParseUint(code, 16, 8)
		if d := byte(decoded); unreserved(d) || strings.IndexByte(allowed, d) >= 0 {
			b.WriteByte(d)
		} else {
			b.WriteString("%" + code)
		}
	}
	return encodeStray(b.String())
}

// encodeStray encodes each % that does not begin an encoded byte.
func encodeStray(path string) string {
	var b strings.Builder
	for i := range len(path) {
		b.WriteByte(path[i])
		if path[i] == '%' && (i+2 >= len(path) || !isHex(path[i+1]) || !isHex(path[i+2])) {
			b.WriteString("25")
		}
	}
	return b.String()
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// baseString is what is signed: method, URL and all parameters, each encoded.
// The parameters are those of the query, decoded, and oauth's own; their order
// is that of the encoded names, compared by PHP's strnatcmp: with twelve filter
// groups the order of bytes was refused and this one accepted.
func baseString(method, base, rawQuery string, oauthParams []Param) string {
	params := slices.Clone(oauthParams)
	for pair := range strings.SplitSeq(rawQuery, "&") {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			continue // Magento leaves it out, too
		}
		name, err1 := url.PathUnescape(name)
		value, err2 := url.PathUnescape(value)
		if err1 == nil && err2 == nil {
			params = append(params, Param{name, value})
		}
	}
	for i, p := range params {
		params[i] = Param{oauth1.PercentEncode(p.Name), oauth1.PercentEncode(p.Value)}
	}
	slices.SortStableFunc(params, func(a, b Param) int { return compareNatural(a.Name, b.Name) })
	pairs := make([]string, len(params))
	for i, p := range params {
		pairs[i] = p.Name + "=" + p.Value
	}
	return method + "&" + oauth1.PercentEncode(base) + "&" + oauth1.PercentEncode(strings.Join(pairs, "&"))
}

// compareNatural orders as PHP's strnatcmp does for strings without spaces:
// runs of digits by their number, everything else by bytes. A run that begins
// with a zero is compared digit by digit, as the part after a decimal point.
func compareNatural(a, b string) int {
	for a != "" && b != "" {
		a, b = skipZeros(a), skipZeros(b)
		if isDigit(a[0]) && isDigit(b[0]) {
			x, y := digits(a), digits(b)
			if c := compareNumbers(x, y); c != 0 {
				return c
			}
			a, b = a[len(x):], b[len(y):]
			continue
		}
		if a[0] != b[0] {
			return int(a[0]) - int(b[0])
		}
		a, b = a[1:], b[1:]
	}
	return len(a) - len(b)
}

func compareNumbers(x, y string) int {
	if x[0] != '0' && y[0] != '0' && len(x) != len(y) {
		return len(x) - len(y)
	}
	return strings.Compare(x, y)
}

// skipZeros drops zeros before another digit.
func skipZeros(s string) string {
	for len(s) > 1 && s[0] == '0' && isDigit(s[1]) {
		s = s[1:]
	}
	return s
}

func digits(s string) string {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return s[:n]
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
