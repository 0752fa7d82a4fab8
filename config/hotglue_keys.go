package config

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
)

// hotglueKeys are the settings of the tap and the flags of the notebook. oauth_token wins over access_token, as in the tap.
var hotglueKeys = map[string]hotglueRule{
	"store_url":              {setting: "magento.store_url", as: asText},
	"access_token":           {special: func(t *translator, key string, value any) { t.token(key, value, "magento.access_token", false) }},
	"oauth_token":            {special: func(t *translator, key string, value any) { t.token(key, value, "magento.access_token", true) }},
	"username":               {setting: "magento.username", as: asSecret},
	"password":               {setting: "magento.password", as: asSecret},
	"use_oauth":              {setting: "magento.use_oauth", as: asBoolean},
	"consumer_key":           {setting: "magento.consumer_key", as: asSecret},
	"consumer_secret":        {setting: "magento.consumer_secret", as: asSecret},
	"access_token_secret":    {special: func(t *translator, key string, value any) { t.token(key, value, "magento.access_token_secret", false) }},
	"oauth_token_secret":     {special: func(t *translator, key string, value any) { t.token(key, value, "magento.access_token_secret", true) }},
	"start_date":             {setting: "magento.start_date", as: asTime},
	"end_date":               {setting: "magento.end_date", as: asTime},
	"store_id":               {setting: "magento.store_id", as: asList},
	"fetch_all_stores":       {special: allStores},
	"page_size":              {setting: "magento.page_size", as: asWhole},
	"source_items_page_size": {setting: "magento.source_items_page_size", as: asWhole},
	"crawl_delay":            {special: delay},
	"throttle_seconds":       {special: delay},
	"user_agent":             {setting: "magento.user_agent", as: asText},
	"custom_cookies":         {special: takeCookies},

	"use_inventory_source_items": {setting: "sync.use_inventory_source_items", as: asBoolean},
	"use_stock_statuses":         {setting: "sync.use_stock_statuses", as: asBoolean},
	"use_salable_quantity":       {setting: "sync.use_salable_quantity", as: asBoolean},
	"map_stockLevel":             {setting: "sync.map_stockLevel", as: asBoolean},
	"warehouse_ids":              {setting: "sync.warehouse_ids", as: asList},
	"pullAllOrders":              {setting: "sync.pullAllOrders", as: asBoolean},
	"sync_product_deletions":     {setting: "sync.sync_product_deletions", as: asBoolean},

	"order_ids":               {lost: "single orders cannot be asked for: every order of the window is read, and sent once"},
	"use_item_stock":          {lost: "the listing of stock items is read where the stock mode needs it"},
	"force_patch_products":    {lost: "nothing is sent twice: only what differs from what Optiply acknowledged (to compare with Optiply anew, run `adopt`)"},
	"force_patch_sell_orders": {lost: "a sell order is sent once and never changed"},
	"not_sync_entities":       {lost: "which parts are done is said on the command line: run --only products,stocks,deletions,sell_orders"},
}

// optiplyKeys are the credentials of the target.
var optiplyKeys = map[string]hotglueRule{
	"client_id":             {setting: "optiply.client_id", as: asSecret},
	"client_secret":         {setting: "optiply.client_secret", as: asSecret},
	"username":              {setting: "optiply.username", as: asSecret},
	"password":              {setting: "optiply.password", as: asSecret},
	"account_id":            {setting: "optiply.account_id", as: asWhole},
	"couplingId":            {setting: "optiply.coupling_id", as: asWhole},
	"coupling_id":           {setting: "optiply.coupling_id", as: asWhole},
	"optiply_base_url":      {setting: "optiply.base_url", as: asText},
	"optiply_dashboard_url": {setting: "optiply.dashboard_url", as: asText},
	"access_token":          {lost: "a kept token of Optiply's is not needed: one is asked for with username and password"},
	"refresh_token":         {lost: "a kept token of Optiply's is not needed: one is asked for with username and password"},
	"expires_in":            {lost: "it belongs to a kept token, which is not needed"},
	"token_expires_at":      {lost: "it belongs to a kept token, which is not needed"},
	"webshop_uuid":          {lost: "it is not needed: account_id and coupling_id say whose products these are"},
}

// token takes one of two names of the same secret; the first of them wins whatever the order.
func (t *translator) token(key string, value any, setting string, wins bool) {
	text, err := asSecret(value)
	if err != nil {
		t.note(key, "%v", err)
		return
	}
	was, given := t.Secrets[setting]
	if given && was == Secret(text) {
		t.Taken++
		return
	}
	if given && !wins {
		t.note(key, "%s has another value, which counts, as in the tap", t.from[setting])
		return
	}
	t.take(key, setting, text)
}

func allStores(t *translator, key string, value any) {
	text, err := asBoolean(value)
	if err != nil {
		t.note(key, "%v", err)
		return
	}
	t.Taken++
	if t.all = text == "true"; t.all {
		t.note(key, "all stores are read where magento.store_id is empty, so store_id is left empty")
	}
}

// delay turns the tap's pause before each of its requests, one after another, into a rate.
func delay(t *translator, key string, value any) {
	text, err := asText(value)
	seconds, perr := strconv.ParseFloat(text, 64)
	switch {
	case err != nil || perr != nil || seconds < 0:
		t.note(key, "it is no number of seconds; requests_per_second keeps its default")
	case seconds > 0:
		t.Taken++
		t.delay += seconds
		t.note(key, "a pause of %g s before each request became magento.requests_per_second: at most one request in that time, however many at once", seconds)
	}
}

// takeCookies takes an object of cookies, or the text of a header Cookie.
func takeCookies(t *translator, key string, value any) {
	all := map[string]any{}
	switch v := value.(type) {
	case map[string]any:
		all = v
	case string:
		parsed, err := http.ParseCookie(v)
		if err != nil {
			t.note(key, "it is no object of names and values")
			return
		}
		for _, c := range parsed {
			all[c.Name] = c.Value
		}
	default:
		t.note(key, "it is no object of names and values")
		return
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		text, err := asSecret(all[name])
		if err != nil {
			t.note(key+"."+name, "%v", err)
			continue
		}
		t.take(key+"."+name, cookiePrefix+name, text)
	}
}
