// Package config holds the one typed configuration of a shop: what a YAML file
// says, with environment variables and files put in where it asks for them,
// checked, and printed without secrets.
//
// The package never reads the process environment itself: its caller passes a
// lookup in [Options].
package config

import "time"

// Config is everything a run needs to know about one shop.
type Config struct {
	// Shop names the shop's folder under DataDir.
	Shop string
	// DataDir is where the shops' folders are, as it was written: a relative
	// path is relative to the working folder, not to the configuration file.
	DataDir string
	Magento Magento
	Optiply Optiply
	Sync    Sync
	// Transform says by which SQL.
	Transform Mapping
	Load      Sending
	Guards    Guards
	// Schedule is the shop's own, and Fleet that of all machines; no run needs either.
	Schedule Schedule
	Fleet    Fleet
	Alerts   Alerts
}

// Magento says how to reach a shop and what to read there.
type Magento struct {
	// StoreURL has a scheme and neither a trailing slash nor /rest. It is empty
	// only when the shop is not asked (see [Options]).
	StoreURL string

	AccessToken       Secret
	Username          Secret
	Password          Secret
	UseOAuth          bool
	ConsumerKey       Secret
	ConsumerSecret    Secret
	AccessTokenSecret Secret

	// StoreCode is the store view in the path; empty means /rest/V1/.
	StoreCode string
	// StoreIDs are ids or codes of the only stores to read; empty means all.
	StoreIDs []string

	// StartDate is where the first run begins, UTC; zero means the beginning.
	StartDate time.Time
	// EndDate is where every window ends at the latest, UTC; zero means now.
	EndDate time.Time
	// FullEvery is how often products are read in full; 0 means always.
	FullEvery time.Duration
	Overlap   time.Duration
	Lag       time.Duration

	Paging              string // PagingAuto, PagingKeyset or PagingNumber
	PageSize            int
	SourceItemsPageSize int
	// Streams to stage beyond what the sync needs; "all" means every one.
	Streams           []string
	ProductAttributes []string

	Concurrency int
	// RequestsPerSecond is a ceiling; 0 means as fast as the shop answers well.
	RequestsPerSecond float64
	RetryWait         time.Duration
	Retries           int
	// StallTimeout is how long the shop may send no byte, AnswerTimeout how long
	// one answer may take in all. Either counts as a failure, which is retried.
	StallTimeout  time.Duration
	AnswerTimeout time.Duration
	// UserAgent replaces the program's own; empty means magento-optiply/<version>.
	UserAgent     string
	CustomCookies map[string]Secret
}

// Optiply says where to send, as whom, and how fast.
type Optiply struct {
	// BaseURL has no trailing slash, or is the word [SandboxURL].
	BaseURL      string
	DashboardURL string
	ClientID     Secret
	ClientSecret Secret
	Username     Secret
	Password     Secret
	AccountID    int64
	CouplingID   int64
	Concurrency  int
	// RequestsPerSecond is a ceiling; 0 means none.
	RequestsPerSecond float64
}

// Sync says what is sent.
type Sync struct {
	MapStockLevel           bool
	UseInventorySourceItems bool
	// UseStockStatuses is as written; UseInventorySourceItems overrules it. Ask
	// [Sync.StockMode] instead.
	UseStockStatuses       bool
	UseSalableQuantity     bool
	WarehouseIDs           []string
	PullAllOrders          bool
	SyncProductDeletions   bool
	CreateDisabledProducts bool
	SkipOrderStates        []string
	OrderLines             string // OrderLinesItems or OrderLinesLeaf
	StockBulk              string // StockBulkAuto or StockBulkOff
	StockRefresh           string // StockRefreshAll or StockRefreshChanged
	// StockMaxAge is how old an answer may be that StockRefreshChanged keeps.
	StockMaxAge time.Duration
	// MaxDeletionsPercent is of the enabled products, 0 to 100.
	MaxDeletionsPercent float64
}

// Mapping says what the shop's own rules are.
type Mapping struct {
	// SQL is a folder whose .sql files take the place of those of the same name in transform/sql, or run beside them; as it
	// was written, like DataDir. Empty: there are none.
	SQL string
}

// Alerts says who is told how a run went.
type Alerts struct {
	// HeartbeatURL is asked /start and /<exit code>, by the convention of healthchecks.io. Who has it can report for this
	// shop, so it is a secret; so is WebhookURL.
	HeartbeatURL Secret
	WebhookURL   Secret
	// WebhookBody is a text/template of a JSON document; empty: one that chats understand.
	WebhookBody string
	WebhookWhen string // WebhookProblems or WebhookAlways
	// MetricsFile is for Prometheus; {shop} in it is the shop's name. Empty: none is written.
	MetricsFile string
}

// Values of [Alerts.WebhookWhen].
const (
	WebhookProblems = "problems"
	WebhookAlways   = "always"
)

// Sending says how it is sent.
type Sending struct {
	// RecreateMissing creates a product again that somebody deleted in Optiply;
	// otherwise its updates are held, by name.
	RecreateMissing bool
}

// Guards hold the load of a run whose plan is out of the ordinary. A ceiling of 0 is none.
type Guards struct {
	// Band is GuardOn, GuardOff, or how many deviations from what is usual are let pass.
	Band              string
	MaxProductCreates int64
	MaxProductUpdates int64
	MaxSellOrders     int64
}

// Values of [Guards.Band], besides a number of deviations.
const (
	GuardOn  = "on"
	GuardOff = "off"
)

// SandboxURL as [Optiply.BaseURL] means the sandbox of this program.
const SandboxURL = "sandbox"

// The account and coupling the sandbox answers for when none is configured.
const (
	sandboxAccountID  = 98
	sandboxCouplingID = 4711
)

// Values of [Sync.OrderLines], [Sync.StockBulk] and [Sync.StockRefresh].
const (
	OrderLinesItems     = "items"
	OrderLinesLeaf      = "leaf"
	StockBulkAuto       = "auto"
	StockBulkOff        = "off"
	StockRefreshAll     = "all"
	StockRefreshChanged = "changed"
)

// Values of [Magento.Paging].
const (
	PagingAuto   = "auto"        // by id; by page number where the shop refuses that
	PagingKeyset = "keyset"      // sorted by id, greater than the last one
	PagingNumber = "page_number" // sorted by date, page after page
)

// Stock modes: which of Magento's numbers becomes Optiply's stockLevel.
const (
	StockSalable   = "salable"   // qty of stockStatuses/{sku}
	StockPhysical  = "physical"  // stock_item.qty of the same answer
	StockWarehouse = "warehouse" // quantity of the source items, summed by SKU
	StockListing   = "listing"   // qty of the bulk listing stockItems/lowStock
	StockOff       = "off"       // stock is neither compared nor sent
)

// Ways to sign in to Magento.
const (
	SignInOAuth    = "oauth"
	SignInPassword = "password"
	SignInToken    = "token"
)

// Default is a configuration with every documented default, and nothing of what
// each shop must say for itself: shop, store_url, sign-in, account, coupling.
func Default() *Config {
	return &Config{
		DataDir: "./data",
		Magento: Magento{
			StartDate:           time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC),
			FullEvery:           24 * time.Hour,
			Overlap:             10 * time.Minute,
			Lag:                 time.Minute,
			Paging:              PagingAuto,
			PageSize:            300,
			SourceItemsPageSize: 300,
			Concurrency:         4,
			RetryWait:           30 * time.Second,
			Retries:             5,
			StallTimeout:        2 * time.Minute,
			AnswerTimeout:       10 * time.Minute,
		},
		Optiply: Optiply{
			BaseURL:           "https://api.optiply.com/v1",
			DashboardURL:      "https://dashboard.optiply.nl/api",
			Concurrency:       4,
			RequestsPerSecond: 5,
		},
		Sync: Sync{
			MapStockLevel:          true,
			UseStockStatuses:       true,
			UseSalableQuantity:     true,
			CreateDisabledProducts: true,
			OrderLines:             OrderLinesItems,
			StockBulk:              StockBulkAuto,
			StockRefresh:           StockRefreshAll,
			StockMaxAge:            24 * time.Hour,
			MaxDeletionsPercent:    10,
		},
		Guards: Guards{Band: GuardOn},
		Fleet:  defaultFleet(),
		Alerts: Alerts{WebhookWhen: WebhookProblems},
	}
}

// StockMode is the stock mode that the flags add up to. Warehouse mode wins over
// use_stock_statuses, and map_stockLevel: false over everything.
func (s Sync) StockMode() string {
	switch {
	case !s.MapStockLevel:
		return StockOff
	case s.UseInventorySourceItems:
		return StockWarehouse
	case s.UseStockStatuses && s.UseSalableQuantity:
		return StockSalable
	case s.UseStockStatuses:
		return StockPhysical
	default:
		return StockListing
	}
}

// SignIn is the way to sign in that counts when several are given: OAuth first,
// then username and password, then the access token, in the order the shops'
// configurations were always read. It is empty when there is none.
func (m Magento) SignIn() string {
	switch {
	case m.UseOAuth:
		return SignInOAuth
	case m.Username != "" && m.Password != "":
		return SignInPassword
	case m.AccessToken != "":
		return SignInToken
	default:
		return ""
	}
}

// Sandbox tells whether Optiply is the sandbox of this program.
func (o Optiply) Sandbox() bool { return o.BaseURL == SandboxURL }
