package magentotest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// OAuth are the four keys of an integration. [obs: f-oauth1-*]
type OAuth struct {
	ConsumerKey       string `json:"consumer_key"`
	ConsumerSecret    string `json:"consumer_secret"`
	AccessToken       string `json:"access_token"`
	AccessTokenSecret string `json:"access_token_secret"`
}

// consumerID is the integration's number, which refusals of a nonce name. [obs: f-oauth1-nonce2]
const consumerID = "1"

// aheadAtMost is how far a time stamp may be in the future; the past has no limit. 20 minutes were refused, a day back was
// accepted. [obs; the number: src, Nonce/Generator::TIME_DEVIATION]
const aheadAtMost = 10 * time.Minute

// checkOAuth verifies a signed request; the answer is nil when it is good. The order of the checks is Magento's, so that a nonce
// is spent even if the signature is wrong. [obs: f-oauth1-nonce1; src: Oauth::validateAccessTokenRequest]
func (s *Server) checkOAuth(r *http.Request) *answer {
	keys := s.oauth()
	params := oauthHeader(r.Header.Get("Authorization"))
	for _, name := range []string{"oauth_consumer_key", "oauth_signature", "oauth_signature_method", "oauth_nonce", "oauth_timestamp", "oauth_token"} {
		if params[name] == "" {
			return isRequired(name) // [src]
		}
	}
	switch method := params["oauth_signature_method"]; {
	case params["oauth_version"] != "" && params["oauth_version"] != "1.0":
		return failure(400, `The "%1" Oauth version isn't supported.`, quoted(params["oauth_version"])) // [src]
	case method != "HMAC-SHA256": // before 2.4.4 it was HMAC-SHA1 [src]
		return failure(400, "Signature method %1 is not supported", quoted(method))
	case params["oauth_consumer_key"] != keys.ConsumerKey:
		return failure(401, "A consumer having the specified key does not exist", "") // [src]
	}
	if problem := s.spendNonce(params["oauth_nonce"], params["oauth_timestamp"]); problem != nil {
		return problem
	}
	if params["oauth_token"] != keys.AccessToken {
		return failure(401, "Specified token does not exist", "")
	}
	base := signatureBase(r.Method, s.signedURL(r), r.URL.RawQuery, params)
	mac := hmac.New(sha256.New, []byte(rawURLEncode(keys.ConsumerSecret)+"&"+rawURLEncode(keys.AccessTokenSecret)))
	mac.Write([]byte(base))
	if !hmac.Equal([]byte(base64.StdEncoding.EncodeToString(mac.Sum(nil))), []byte(params["oauth_signature"])) {
		return failure(401, "The signature is invalid. Verify and try again.", "")
	}
	return nil
}

// oauth are the keys in use, nil when the shop has none.
func (s *Server) oauth() *OAuth {
	if s.options.OAuth != nil {
		return s.options.OAuth
	}
	return s.shop.OAuth
}

// spendNonce remembers a nonce for as long as the server lives. (A real shop forgets it after two hours, by cron [src].)
func (s *Server) spendNonce(nonce, timestamp string) *answer {
	at, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || at <= 0 || at > time.Now().Add(aheadAtMost).Unix() {
		return failure(401, "An error occurred validating the nonce", "")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.nonces[nonce] {
		return failure(401, "The nonce is already being used by the consumer with ID %1", quoted(consumerID))
	}
	if s.nonces == nil {
		s.nonces = map[string]bool{}
	}
	s.nonces[nonce] = true
	return nil
}

// isOAuth tells a signed request.
func isOAuth(header string) bool {
	return len(header) >= 6 && strings.EqualFold(header[:6], "OAuth ")
}

// oauthHeader reads the parameters of an Authorization header as Magento does: parts between commas, names and values around the
// first equals sign, quotes dropped, percent-encoding decoded. [src: Oauth/Helper/Request::_processHeader]
func oauthHeader(header string) map[string]string {
	params := map[string]string{}
	if !isOAuth(header) {
		return params
	}
	for part := range strings.SplitSeq(header[6:], ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(part), "=")
		if name = rawURLDecode(strings.TrimSpace(name)); ok && strings.HasPrefix(name, "oauth_") {
			params[name] = rawURLDecode(strings.Trim(strings.TrimSpace(value), `"`))
		}
	}
	return params
}

// signedURL is the address that Magento has in its base string: without a port, even on 8080 [obs: http://127.0.0.1/rest/...],
// and with its path normalised.
func (s *Server) signedURL(r *http.Request) string {
	scheme, host := "http", strings.ToLower(r.Host)
	if r.TLS != nil {
		scheme = "https"
	}
	if bare := (&url.URL{Host: host}).Hostname(); !s.options.OAuthKeepsPort && bare != "" {
		if host = bare; strings.Contains(bare, ":") {
			host = "[" + bare + "]"
		}
	}
	decoded := ":@&=+$,/;%"
	if s.options.OAuthPathAsSent {
		decoded = ""
	}
	path, _, _ := strings.Cut(r.RequestURI, "?")
	if r.RequestURI == "" || strings.Contains(path, "://") {
		path = r.URL.EscapedPath()
	}
	return scheme + "://" + host + signedPath(path, decoded)
}
