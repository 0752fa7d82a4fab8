package check

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"magento-optiply/config"
	"magento-optiply/extract"
	"magento-optiply/magento"
)

// Names of the shop's checks. Those of its endpoints are "read" and the stream.
const (
	shopFirewall = "shop firewall"
	shopSignIn   = "shop sign-in"
	shopClock    = "shop clock"
	shopStore    = "shop store code"
	shopPageSize = "shop page size"
	shopFields   = "shop fields="
	shopKeyset   = "shop filter on ids"
	shopStock    = "shop stock numbers"
	shopBulk     = "shop stock in bulk"
)

func (j *Job) checkShop(ctx context.Context) {
	rest := []string{shopFirewall, shopSignIn, shopClock}
	if j.Magento == nil {
		for _, check := range append([]string{"shop address", "shop TLS"}, rest...) {
			j.skip(check, j.NoMagento)
		}
		j.skipRest(j.NoMagento)
		return
	}
	if j.Recorded {
		j.skip("shop address", "a recorded shop, served on this machine")
		j.skip("shop TLS", "a recorded shop, served on this machine")
	} else if !j.checkReach(ctx, "shop", "magento.store_url", j.Config.Magento.StoreURL) {
		for _, check := range rest {
			j.skip(check, "the shop cannot be reached")
		}
		j.skipRest("the shop cannot be reached")
		return
	}
	j.checkSignIn(ctx)
	if j.Recorded {
		j.skip(shopClock, "a recorded shop has the time of its recording")
	} else {
		j.checkClock(shopClock, "the shop", j.MagentoClock, j.Config.Magento.SignIn() == config.SignInOAuth)
	}
	if !j.signed {
		j.skipRest(orElse(j.halt, "not signed in"))
		return
	}
	if code := j.Config.Magento.StoreCode; code != "" && !j.checkStoreCode(ctx, code) {
		j.skipRest("magento.store_code is not right")
		return
	}
	j.checkEndpoints(ctx)
	j.checkPageSize(ctx)
	j.checkFields(ctx)
	j.checkKeyset(ctx)
	j.checkStock(ctx)
	j.checkBulk(ctx)
}

func orElse(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

// skipRest skips what needs a sign-in.
func (j *Job) skipRest(why string) {
	for _, need := range extract.Needs(j.Config) {
		j.skip("read "+need.Stream, why)
	}
	for _, check := range []string{shopPageSize, shopFields, shopKeyset, shopStock, shopBulk} {
		j.skip(check, why)
	}
}

// get asks the shop. Once it has said that it is busy or that we are not let through, it is not asked again.
func (j *Job) get(ctx context.Context, path string, query magento.Query) (*magento.Response, *magento.Error, error) {
	resp, err := j.Magento.Get(ctx, path, query)
	var e *magento.Error
	if err != nil && !errors.As(err, &e) {
		return nil, nil, err // interrupted
	}
	if e != nil {
		switch e.Kind {
		case magento.RateLimited, magento.Maintenance:
			j.halt = "the shop is busy: " + e.Message
		case magento.Unreachable:
			j.halt = "the shop cannot be reached any more"
		}
		return nil, e, nil
	}
	return resp, nil, nil
}

// said is what the shop answered.
func said(e *magento.Error) string {
	if e.Status != 0 {
		return fmt.Sprintf("HTTP %d: %s", e.Status, e.Message)
	}
	return e.Message
}

// checkSignIn asks for /V1/modules, which answered 200 to tokens that may read nothing but orders, and 401 to a wrong one.
func (j *Job) checkSignIn(ctx context.Context) {
	j.begin(shopSignIn)
	resp, err := j.Magento.GetIn(ctx, "", "modules", nil)
	var e *magento.Error
	switch {
	case err == nil:
		j.signed = true
		j.ok(shopFirewall, "lets us through")
		j.ok(shopSignIn, signInName(j.Config.Magento.SignIn())+withMSI(resp.Body))
	case !errors.As(err, &e):
		j.skip(shopFirewall, err.Error())
		j.fail(shopSignIn, err.Error(), "try again")
	case e.Kind == magento.Firewall, e.Kind == magento.HTMLNotFound, e.Kind == magento.BadJSON:
		j.add(Result{Check: shopFirewall, Verdict: Failed, Found: said(e), ToDo: e.Hint(), Endpoint: "modules"})
		j.skip(shopSignIn, "the shop itself did not answer")
		j.halt = "the shop itself did not answer"
	case e.Kind == magento.Forbidden: // the token works; only this resource is not given
		j.signed = true
		j.ok(shopFirewall, "lets us through")
		j.ok(shopSignIn, signInName(j.Config.Magento.SignIn()))
	default:
		if e.Status == 0 {
			j.skip(shopFirewall, "there was no answer")
		} else {
			j.ok(shopFirewall, "lets us through")
		}
		j.add(Result{Check: shopSignIn, Verdict: Failed, Found: said(e), ToDo: e.Hint(), Endpoint: strings.TrimPrefix(e.Path, "/")})
	}
}

func signInName(way string) string {
	switch way {
	case config.SignInOAuth:
		return "OAuth 1.0a, signed with HMAC-SHA256"
	case config.SignInPassword:
		return "administrator's user name and password"
	}
	return "access token as a bearer"
}

func withMSI(modules []byte) string {
	var list struct{ Items []string }
	if json.Unmarshal(modules, &list) != nil || len(list.Items) == 0 || slices.Contains(list.Items, "Magento_Inventory") {
		return ""
	}
	return "; the shop has no MSI (one stock, one source)"
}

func (j *Job) checkStoreCode(ctx context.Context, code string) bool {
	j.begin(shopStore)
	_, e, err := j.get(ctx, "modules", nil)
	switch {
	case err != nil:
		j.fail(shopStore, err.Error(), "try again")
	case e != nil && e.Kind == magento.UnknownStoreCode:
		j.fail(shopStore, "the shop has no store view "+code+": "+said(e), e.Hint())
		return false
	case e != nil && e.Kind != magento.Forbidden:
		j.fail(shopStore, said(e), e.Hint())
	default:
		j.ok(shopStore, code)
	}
	return true
}

// checkEndpoints asks each endpoint that the settings need for one row.
func (j *Job) checkEndpoints(ctx context.Context) {
	for _, need := range extract.Needs(j.Config) {
		check := "read " + need.Stream
		if j.halt != "" || ctx.Err() != nil {
			j.skip(check, orElse(j.halt, "interrupted"))
			continue
		}
		j.begin(check)
		path := need.Path
		if strings.Contains(path, "{sku}") {
			sku, why := j.someSKU(ctx)
			if sku == "" {
				j.skip(check, why)
				continue
			}
			path = strings.ReplaceAll(path, "{sku}", magento.SKUPath(sku))
		}
		resp, e, err := j.get(ctx, path, need.Query)
		switch {
		case err != nil:
			j.fail(check, err.Error(), "try again")
		case e != nil:
			j.add(refusal(check, need, e))
		default:
			j.add(Result{Check: check, Verdict: OK, Found: rows(resp.Body), Endpoint: need.Path})
			j.keep(need.Stream, resp.Body)
		}
	}
}

// refusal is the row of an endpoint that did not answer.
func refusal(check string, need extract.Need, e *magento.Error) Result {
	r := Result{Check: check, Verdict: Failed, Found: said(e), ToDo: e.Hint(), Endpoint: need.Path}
	if e.Kind == magento.Forbidden {
		r.Permission = e.Resource
	}
	if need.Without != "" && slices.Contains([]magento.Kind{magento.Forbidden, magento.NoRoute, magento.NotFound}, e.Kind) {
		r.Verdict, r.Found = Warning, r.Found+"; "+need.Without
	}
	return r
}

// rows says how many rows a list has, where the answer tells.
func rows(body []byte) string {
	if p, err := magento.ReadPage(body, ""); err == nil && p.TotalCount >= 0 {
		return fmt.Sprintf("answers, %d rows", p.TotalCount)
	}
	return "answers"
}

// someSKU finds an enabled simple product to ask the stock of.
func (j *Job) someSKU(ctx context.Context) (sku, why string) {
	c := magento.Criteria{Fields: "items[sku],total_count", PageSize: 1, CurrentPage: 1}.
		Where(magento.Filter{Field: "type_id", Value: "simple"}).Where(magento.Filter{Field: "status", Value: "1"})
	resp, e, err := j.get(ctx, "products", c.Query())
	if err != nil || e != nil {
		return "", "there is no product to ask for"
	}
	var list struct{ Items []struct{ SKU string } }
	if json.Unmarshal(resp.Body, &list) != nil || len(list.Items) == 0 {
		return "", "the shop has no enabled simple product to ask for"
	}
	return list.Items[0].SKU, ""
}

// empty is a filter that no row passes, so that a question costs the shop nothing.
func empty(id string) magento.Filter {
	return magento.Filter{Field: id, Condition: magento.Gt, Value: "4294967295"}
}

// checkPageSize asks for pages of the configured size, of no row.
func (j *Job) checkPageSize(ctx context.Context) {
	if j.halt != "" {
		j.skip(shopPageSize, j.halt)
		return
	}
	j.begin(shopPageSize)
	m := j.Config.Magento
	asks := []struct {
		setting, path, id string
		size              int
	}{{"magento.page_size", "products", "entity_id", m.PageSize}}
	if j.Config.Sync.StockMode() == config.StockWarehouse {
		asks = append(asks, struct {
			setting, path, id string
			size              int
		}{"magento.source_items_page_size", "inventory/source-items", "source_item_id", m.SourceItemsPageSize})
	}
	for _, ask := range asks {
		c := magento.Criteria{Fields: "items[sku],total_count", PageSize: ask.size, CurrentPage: 1}.Where(empty(ask.id))
		_, e, err := j.get(ctx, ask.path, c.Query())
		switch {
		case err != nil:
			j.fail(shopPageSize, err.Error(), "try again")
			return
		case e != nil && e.Kind == magento.PageSizeLimit:
			j.warn(shopPageSize, fmt.Sprintf("the shop allows %d rows a page, and %s is %d: runs keep to the shop's limit", e.Max, ask.setting, ask.size),
				fmt.Sprintf("set %s to %d", ask.setting, e.Max))
			return
		case e != nil:
			j.skip(shopPageSize, ask.path+" does not answer: "+said(e))
			return
		}
	}
	j.ok(shopPageSize, fmt.Sprintf("pages of %d rows are allowed", m.PageSize))
}

// checkFields asks for one member of a product, and looks whether there is another one in the answer.
func (j *Job) checkFields(ctx context.Context) {
	if j.halt != "" {
		j.skip(shopFields, j.halt)
		return
	}
	j.begin(shopFields)
	resp, e, err := j.get(ctx, "products", magento.Criteria{Fields: "items[id],total_count", PageSize: 1, CurrentPage: 1}.Query())
	if err != nil || e != nil {
		j.skip(shopFields, "products does not answer")
		return
	}
	var answer map[string]json.RawMessage
	var items []map[string]json.RawMessage
	if json.Unmarshal(resp.Body, &answer) != nil || json.Unmarshal(answer["items"], &items) != nil || len(items) == 0 {
		j.skip(shopFields, "the shop has no product to look at")
		return
	}
	if len(items[0]) > 1 || answer["search_criteria"] != nil {
		j.warn(shopFields, "the shop ignores it and sends whole records: pages are some eight times as large, and customers' data comes along, which is cut off before anything is kept",
			"ask the shop's developers what takes the parameter fields away")
		return
	}
	j.ok(shopFields, "works: only what is used is sent")
}

// checkKeyset looks whether lists can be read by id, which loses nothing while the shop changes.
func (j *Job) checkKeyset(ctx context.Context) {
	if j.Config.Magento.Paging == config.PagingNumber {
		j.skip(shopKeyset, "magento.paging is page_number")
		return
	}
	var works []string
	for _, list := range []struct{ path, id string }{{"products", "id"}, {"orders", "entity_id"}} {
		if j.halt != "" {
			j.skip(shopKeyset, j.halt)
			return
		}
		j.begin(shopKeyset)
		problem, known := j.keyset(ctx, list.path, list.id)
		switch {
		case problem != "" && j.Config.Magento.Paging == config.PagingKeyset:
			j.fail(shopKeyset, list.path+": "+problem, "set magento.paging to auto or page_number")
			return
		case problem != "":
			j.warn(shopKeyset, list.path+": "+problem+"; lists are read by date and page number instead", "set magento.paging to page_number, so that runs need not find out each time")
			return
		case known:
			works = append(works, list.path)
		}
	}
	if len(works) == 0 {
		j.skip(shopKeyset, "products and orders have no two rows that could show it")
		return
	}
	j.ok(shopKeyset, "works for "+strings.Join(works, " and "))
}

// keyset reads two rows by id, then what is behind the first. problem is what does not work; known is false where nothing shows it.
func (j *Job) keyset(ctx context.Context, path, id string) (problem string, known bool) {
	base := magento.Criteria{Fields: "items[" + id + "],total_count", PageSize: 2, CurrentPage: 1}.OrderBy("entity_id", false)
	first, e, err := j.page(ctx, path, id, base)
	if err != nil || e != nil || first.Count < 2 {
		return "", false // that the endpoint does not answer is another check's
	}
	if first.FirstID >= first.LastID {
		return "rows do not come sorted by id", true
	}
	next, e, err := j.page(ctx, path, id, base.Where(magento.Filter{Field: "entity_id", Condition: magento.Gt, Value: strconv.FormatInt(first.FirstID, 10)}))
	switch {
	case err != nil:
		return "", false
	case e != nil:
		return "the filter on ids is refused (" + said(e) + ")", true
	case next.Count == 0 || next.FirstID <= first.FirstID:
		return "the filter on ids is ignored", true
	}
	return "", true
}

func (j *Job) page(ctx context.Context, path, id string, c magento.Criteria) (magento.Page, *magento.Error, error) {
	resp, e, err := j.get(ctx, path, c.Query())
	if err != nil || e != nil {
		return magento.Page{}, e, err
	}
	p, err := magento.ReadPage(resp.Body, id)
	if errors.As(err, &e) {
		return p, e, nil
	}
	return p, nil, err
}
