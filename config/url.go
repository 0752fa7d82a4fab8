package config

import (
	"errors"
	"net/url"
	"strings"
)

// Errors of addresses never repeat the address: it may hold a password.
var (
	errURL         = errors.New("must be an address such as https://shop.example")
	errURLScheme   = errors.New("must begin with https:// or http://")
	errURLUserinfo = errors.New("must hold no user name or password; sign-in has settings of its own")
	errURLQuery    = errors.New("must hold no ? and no #")
)

func link(to *string, parse func(string) (string, error)) value {
	return scalar[string]{to, parse, withoutUserinfo}
}

// storeURL is a shop's address as a person copies it: https:// is put before a
// bare host, and /rest, which the client appends itself, is taken off.
func storeURL(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	if !strings.Contains(text, "://") {
		text = "https://" + text
	}
	clean, err := cleanURL(text)
	if err != nil {
		return "", err
	}
	return strings.TrimRight(strings.TrimSuffix(clean, "/rest"), "/"), nil
}

// optiplyURL is an address or the word sandbox.
func optiplyURL(text string) (string, error) {
	if text == SandboxURL {
		return text, nil
	}
	clean, err := cleanURL(text)
	if errors.Is(err, errURL) || errors.Is(err, errURLScheme) {
		return "", errors.New("must be an address such as https://api.optiply.com/v1, or sandbox")
	}
	return clean, err
}

func cleanURL(text string) (string, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return "", errURL
	case u.User != nil:
		return "", errURLUserinfo
	case u.Scheme != "https" && u.Scheme != "http":
		return "", errURLScheme
	case u.Hostname() == "":
		return "", errURL
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(text, "#"):
		return "", errURLQuery
	}
	return strings.TrimRight(u.String(), "/"), nil
}

// secretURL checks an address that is a secret as a whole, its query included.
func secretURL(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil, u.Hostname() == "":
		return errURL
	case u.Scheme != "https" && u.Scheme != "http":
		return errURLScheme
	}
	return nil
}

// withoutUserinfo prints an address that may have been set without being read.
func withoutUserinfo(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	u.User = nil
	return u.String()
}
