package sandbox

import (
	"math"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	apiPrefix = "/v1"
	tokenPath = "/api/auth/oauth/token"
)

// handle answers one request, faults aside.
func (s *Sandbox) handle(r *http.Request, body []byte) answer {
	if r.URL.Path == tokenPath {
		return s.tokens.issue(r, body)
	}
	if !s.tokens.valid(r.Header.Get("Authorization")) {
		return oauthAnswer(http.StatusUnauthorized, "invalid_token", "Access token expired or unknown")
	}
	if wait, ok := s.admit(); !ok {
		a := errorAnswer(refuse(http.StatusTooManyRequests, "too many requests"))
		a.header["Retry-After"] = seconds(wait)
		return a
	}
	if media, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); media != mediaType { // on GET too (documented)
		return errorAnswer(refuse(http.StatusUnsupportedMediaType, "Content-Type must be %s", mediaType))
	}
	a, p := s.route(r, body)
	if p != nil {
		return errorAnswer(p)
	}
	return a
}

// admit spends from the request budget, and says how long to wait when it is used up.
func (s *Sandbox) admit() (time.Duration, bool) {
	if s.limiter == nil {
		return 0, true
	}
	now := s.opts.Now()
	if s.limiter.AllowN(now, 1) {
		return 0, true
	}
	missing := 1 - s.limiter.TokensAt(now)
	return time.Duration(missing / float64(s.limiter.Limit()) * float64(time.Second)), false
}

// seconds is the form of Retry-After: whole seconds, never less than asked.
func seconds(d time.Duration) string { return strconv.Itoa(int(math.Ceil(d.Seconds()))) }

func (s *Sandbox) route(r *http.Request, body []byte) (answer, *problem) {
	path, ok := strings.CutPrefix(r.URL.Path, apiPrefix+"/")
	parts := strings.Split(path, "/")
	k, known := kindOf(parts[0])
	if !ok || !known || len(parts) > 3 {
		return answer{}, notFound(r.URL.Path)
	}
	base := "http://" + r.Host + apiPrefix
	if len(parts) == 1 {
		switch r.Method {
		case http.MethodGet:
			return s.list(k, nil, base, r)
		case http.MethodPost:
			return s.create(k, base, r, body)
		}
		return answer{}, wrongMethod(r.Method)
	}
	if strings.EqualFold(parts[1], "nan") { // seen to be a 500
		return answer{}, refuse(http.StatusInternalServerError, "%v", errCrash)
	}
	if !digits.MatchString(parts[1]) {
		return answer{}, notFound(r.URL.Path)
	}
	id, _ := strconv.ParseInt(parts[1], 10, 64)
	if len(parts) == 3 {
		return s.related(k, id, parts[2], base, r)
	}
	switch r.Method {
	case http.MethodGet:
		return s.get(k, id, base, r)
	case http.MethodPatch:
		return s.update(k, id, base, r, body)
	case http.MethodDelete:
		return s.delete(k, id, r)
	}
	return answer{}, wrongMethod(r.Method)
}

func notFound(what string) *problem { return refuse(http.StatusNotFound, "%s not found", what) }
func wrongMethod(m string) *problem {
	return refuse(http.StatusMethodNotAllowed, "%s is not supported here", m)
}

// list answers the records of a kind; narrow, if given, is one more filter.
func (s *Sandbox) list(k *kind, narrow *filter, base string, r *http.Request) (answer, *problem) {
	l, err := parseListing(k, r.URL.RawQuery)
	if err != nil {
		return answer{}, refuse(http.StatusBadRequest, "%v", err)
	}
	if narrow != nil {
		l.filters = append(l.filters, *narrow)
	}
	if k == accounts {
		found := []*record{}
		if a := s.account(0); l.matches(a) {
			found = append(found, a)
		}
		return listAnswer(found, l, base, r.URL), nil
	}
	s.mu.Lock()
	found := s.state.selectRecords(k, l)
	s.mu.Unlock()
	return listAnswer(found, l, base, r.URL), nil
}

func (s *Sandbox) get(k *kind, id int64, base string, r *http.Request) (answer, *problem) {
	l, err := parseListing(k, r.URL.RawQuery)
	if err != nil {
		return answer{}, refuse(http.StatusBadRequest, "%v", err)
	}
	found, ok := s.lookUp(k, id)
	if !ok || !l.matches(found) {
		return answer{}, notFound(k.name + " " + formatID(id))
	}
	return jsonAnswer(http.StatusOK, map[string]any{"data": object(found, base)}), nil
}

func (s *Sandbox) lookUp(k *kind, id int64) (*record, bool) {
	if k == accounts {
		a := s.account(id)
		return a, a.id == id
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.find(k.name, id)
}

// related answers the links of relationships, as far as the sandbox has the resources.
func (s *Sandbox) related(k *kind, id int64, name, base string, r *http.Request) (answer, *problem) {
	if r.Method != http.MethodGet {
		return answer{}, wrongMethod(r.Method)
	}
	from, ok := s.lookUp(k, id)
	if !ok {
		return answer{}, notFound(k.name + " " + formatID(id))
	}
	one := func(k *kind, attribute string) (answer, *problem) {
		target, _ := from.values[attribute].(int64)
		return s.get(k, target, base, r)
	}
	many := func(attribute string) (answer, *problem) {
		a, _ := sellOrderLines.attribute(attribute)
		return s.list(sellOrderLines, &filter{attribute: a, operator: "EQ", value: id}, base, r)
	}
	switch k.name + "/" + name {
	case "products/sellOrderLines":
		return many("productId")
	case "sellOrders/sellOrderLines":
		return many("sellOrderId")
	case "sellOrderLines/product":
		return one(products, "productId")
	case "sellOrderLines/sellOrder":
		return one(sellOrders, "sellOrderId")
	case "products/account", "sellOrders/account":
		return one(accounts, "accountId")
	}
	return answer{}, notFound(r.URL.Path)
}
