package config

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Setting is one setting as text, under its name with the section.
type Setting struct{ Name, Value string }

// setting is a row of the table of settings: the only list of what there is.
type setting struct {
	name  string // magento.page_size
	value value
	// secret settings are in no list of settings and print as ***.
	secret bool
	// hidden settings are not repeated in an error, because what was written
	// there by mistake may be a secret, as in https://user:password@host.
	hidden bool
	// apart settings are of no run: they say when and where, not what.
	apart bool
}

// settings is the table of settings over the fields of c, in the order in which
// they are written.
func (c *Config) settings() []setting {
	m, o, s, tr, l, g, al := &c.Magento, &c.Optiply, &c.Sync, &c.Transform, &c.Load, &c.Guards, &c.Alerts
	return append([]setting{
		{name: "shop", value: text(&c.Shop, checkShop)},
		{name: "data_dir", value: text(&c.DataDir, notEmpty)},

		{name: "magento.store_url", value: link(&m.StoreURL, storeURL), hidden: true},
		{name: "magento.access_token", value: secret(&m.AccessToken, oneLine), secret: true},
		{name: "magento.username", value: secret(&m.Username, anything), secret: true},
		{name: "magento.password", value: secret(&m.Password, anything), secret: true},
		{name: "magento.use_oauth", value: boolean(&m.UseOAuth)},
		{name: "magento.consumer_key", value: secret(&m.ConsumerKey, oneLine), secret: true},
		{name: "magento.consumer_secret", value: secret(&m.ConsumerSecret, oneLine), secret: true},
		{name: "magento.access_token_secret", value: secret(&m.AccessTokenSecret, oneLine), secret: true},
		{name: "magento.store_code", value: text(&m.StoreCode, checkStore)},
		{name: "magento.store_id", value: list{&m.StoreIDs, checkStore}},
		{name: "magento.start_date", value: instant(&m.StartDate)},
		{name: "magento.full_every", value: duration(&m.FullEvery, true)},
		{name: "magento.end_date", value: instant(&m.EndDate)},
		{name: "magento.overlap", value: duration(&m.Overlap, false)},
		{name: "magento.lag", value: duration(&m.Lag, false)},
		{name: "magento.paging", value: oneOf(&m.Paging, PagingAuto, PagingKeyset, PagingNumber)},
		{name: "magento.page_size", value: whole(&m.PageSize, 1, 10_000)},
		{name: "magento.source_items_page_size", value: whole(&m.SourceItemsPageSize, 1, 10_000)},
		{name: "magento.streams", value: list{&m.Streams, checkStream}},
		{name: "magento.product_attributes", value: list{&m.ProductAttributes, checkAttribute}},
		{name: "magento.concurrency", value: whole(&m.Concurrency, 1, 64)},
		{name: "magento.requests_per_second", value: number(&m.RequestsPerSecond, math.Inf(1))},
		{name: "magento.retry_wait", value: duration(&m.RetryWait, false)},
		{name: "magento.retries", value: whole(&m.Retries, 0, 100)},
		{name: "magento.stall_timeout", value: duration(&m.StallTimeout, false)},
		{name: "magento.answer_timeout", value: duration(&m.AnswerTimeout, false)},
		{name: "magento.user_agent", value: text(&m.UserAgent, oneLine)},
		{name: "magento.custom_cookies", value: cookies{&m.CustomCookies}, secret: true},

		{name: "optiply.base_url", value: link(&o.BaseURL, optiplyURL), hidden: true},
		{name: "optiply.dashboard_url", value: link(&o.DashboardURL, cleanURL), hidden: true},
		{name: "optiply.client_id", value: secret(&o.ClientID, anything), secret: true},
		{name: "optiply.client_secret", value: secret(&o.ClientSecret, anything), secret: true},
		{name: "optiply.username", value: secret(&o.Username, anything), secret: true},
		{name: "optiply.password", value: secret(&o.Password, anything), secret: true},
		{name: "optiply.account_id", value: whole(&o.AccountID, 1, math.MaxInt64)},
		{name: "optiply.coupling_id", value: whole(&o.CouplingID, 1, math.MaxInt64)},
		{name: "optiply.concurrency", value: whole(&o.Concurrency, 1, 64)},
		{name: "optiply.requests_per_second", value: number(&o.RequestsPerSecond, math.Inf(1))},

		{name: "sync.map_stockLevel", value: boolean(&s.MapStockLevel)},
		{name: "sync.use_inventory_source_items", value: boolean(&s.UseInventorySourceItems)},
		{name: "sync.use_stock_statuses", value: boolean(&s.UseStockStatuses)},
		{name: "sync.use_salable_quantity", value: boolean(&s.UseSalableQuantity)},
		{name: "sync.warehouse_ids", value: list{&s.WarehouseIDs, oneLine}},
		{name: "sync.pullAllOrders", value: boolean(&s.PullAllOrders)},
		{name: "sync.sync_product_deletions", value: boolean(&s.SyncProductDeletions)},
		{name: "sync.create_disabled_products", value: boolean(&s.CreateDisabledProducts)},
		{name: "sync.skip_order_states", value: list{&s.SkipOrderStates, oneLine}},
		{name: "sync.order_lines", value: oneOf(&s.OrderLines, OrderLinesItems, OrderLinesLeaf)},
		{name: "sync.stock_bulk", value: oneOf(&s.StockBulk, StockBulkAuto, StockBulkOff)},
		{name: "sync.stock_refresh", value: oneOf(&s.StockRefresh, StockRefreshAll, StockRefreshChanged)},
		{name: "sync.stock_max_age", value: duration(&s.StockMaxAge, false)},
		{name: "sync.max_deletions_percent", value: number(&s.MaxDeletionsPercent, 100)},

		{name: "transform.sql", value: text(&tr.SQL, oneLine)},

		{name: "load.recreate_missing", value: boolean(&l.RecreateMissing)},

		{name: "guards.band", value: text(&g.Band, checkBand)},
		{name: "guards.max_product_creates", value: whole(&g.MaxProductCreates, 0, math.MaxInt64)},
		{name: "guards.max_product_updates", value: whole(&g.MaxProductUpdates, 0, math.MaxInt64)},
		{name: "guards.max_sell_orders", value: whole(&g.MaxSellOrders, 0, math.MaxInt64)},

		{name: "alerts.heartbeat_url", value: secret(&al.HeartbeatURL, secretURL), secret: true},
		{name: "alerts.webhook_url", value: secret(&al.WebhookURL, secretURL), secret: true},
		{name: "alerts.webhook_body", value: text(&al.WebhookBody, anything)},
		{name: "alerts.webhook_when", value: oneOf(&al.WebhookWhen, WebhookProblems, WebhookAlways)},
		{name: "alerts.metrics_file", value: text(&al.MetricsFile, oneLine)},
	}, c.fleetSettings()...)
}

// Names are all settings there are, in the order in which they are written.
func Names() []string {
	var names []string
	for _, s := range new(Config).settings() {
		names = append(names, s.name)
	}
	return names
}

// Settings is the configuration as names and values, sorted by name, for keeping
// with a run. Secrets are not in it at all (DESIGN.md, invariant 6). Lists are
// comma separated. What says only when and on which machine a shop is run is not
// in it either.
func (c *Config) Settings() []Setting {
	var out []Setting
	for _, s := range c.settings() {
		if !s.secret && !s.apart {
			out = append(out, Setting{s.name, s.value.String()})
		}
	}
	slices.SortFunc(out, func(a, b Setting) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// StreamNames are the streams that magento.streams may name, besides all.
func StreamNames() []string {
	return []string{
		"products", "stock_statuses", "stock_items", "source_items", "sources", "orders",
		"customers", "invoices", "credit_memos", "categories", "sales_rules", "coupons",
		"websites", "stores", "store_configs", "product_attributes",
	}
}

// AllStreams in magento.streams means every stream.
const AllStreams = "all"

func checkStream(name string) error {
	names := append(StreamNames(), AllStreams)
	if slices.Contains(names, name) {
		return nil
	}
	if near := nearest(name, names); near != "" {
		return fmt.Errorf("must be names of streams (did you mean %s?)", near)
	}
	return fmt.Errorf("must be names of streams (%s)", strings.Join(names, ", "))
}

var (
	folderName    = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$`)
	storeName     = regexp.MustCompile(`^[A-Za-z0-9_]*$`)
	attributeCode = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)
)

func anything(string) error { return nil }

// checkBand takes a width as transform/sql reads it.
func checkBand(text string) error {
	if text == GuardOn || text == GuardOff {
		return nil
	}
	if width, err := strconv.ParseFloat(text, 64); err != nil || !(width >= 1 && width <= 1000) {
		return errors.New("must be on, off, or a number of deviations from 1 to 1000")
	}
	return nil
}

func notEmpty(text string) error {
	if strings.TrimSpace(text) == "" || hasControl(text) {
		return errors.New("must be the path of a folder")
	}
	return nil
}

// oneLine is for what goes into a header, where a line break would begin
// another one.
func oneLine(text string) error {
	if hasControl(text) {
		return errors.New("must hold no line break and no other control character")
	}
	return nil
}

func checkShop(name string) error {
	if name != "" && !folderName.MatchString(name) {
		return errors.New("names a folder, so it must be 1 to 64 letters, digits, - . or _, and not begin with - or a dot")
	}
	return nil
}

// checkStore takes ids and codes; codes become part of a path.
func checkStore(code string) error {
	if !storeName.MatchString(code) {
		return errors.New("must be ids or codes of stores: letters, digits and _")
	}
	return nil
}

func checkAttribute(code string) error {
	if !attributeCode.MatchString(code) {
		return errors.New("must be codes of attributes: a letter, then letters, digits and _")
	}
	return nil
}
