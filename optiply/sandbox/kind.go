package sandbox

// form is how an attribute's values look in requests, in answers and in filters.
type form int

const (
	text       form = iota
	integer         // a Java Long: 12, never 12.0 (seen: a float is refused)
	number          // any JSON number
	money           // number or numeric text in requests, text with two decimals in answers (seen)
	flag            // true or false
	moment          // ISO 8601 with a zone; answered in UTC, whole seconds
	status          // enabled or disabled, in any case
	reference       // id of another resource: integer or digits in requests, integer in answers (seen)
	identifier      // the resource's own id
	remoteIDs       // remote id by coupling
)

// attribute is one row of the contract's attribute tables.
type attribute struct {
	name     string
	form     form
	required bool   // on create
	fixed    bool   // set by the server, refused in requests
	hidden   bool   // can be filtered by, is not among the answered attributes
	longest  int    // characters
	digits   int    // most digits before the decimal point
	unsigned bool   // must not be negative
	coupled  bool   // has a meaning only together with couplingId
	refers   string // the kind that a reference points to
	initial  any    // what an absent or cleared attribute holds; nil is null
}

// kind is one resource type.
type kind struct {
	name       string
	firstID    int64 // ids count up from here; the ranges differ so that a confused id shows
	attributes []attribute
	relations  []string
	withLines  bool // takes orderLines inline
	readOnly   bool
}

func (k *kind) attribute(name string) (attribute, bool) {
	for _, a := range k.attributes {
		if a.name == name {
			return a, true
		}
	}
	return attribute{}, false
}

const (
	kindProducts       = "products"
	kindSellOrders     = "sellOrders"
	kindSellOrderLines = "sellOrderLines"
	kindAccounts       = "accounts"
)

// common are the attributes every resource has (documented, seen).
func common(more ...attribute) []attribute {
	return append([]attribute{
		{name: "id", form: identifier, fixed: true, hidden: true},
		{name: "uuid", form: text, fixed: true},
		{name: "createdAt", form: moment, fixed: true},
		{name: "updatedAt", form: moment, fixed: true},
		{name: "createdFromPublicApi", form: flag, fixed: true, initial: false},
	}, more...)
}

var products = &kind{
	name:    kindProducts,
	firstID: 20000001,
	relations: []string{"account", "buyOrderLines", "productComposedFromCompositions", "productPartOfCompositions",
		"promotionProducts", "sellOrderLines", "supplierProducts"},
	attributes: common(
		attribute{name: "accountId", form: reference, fixed: true},
		attribute{name: "name", form: text, required: true, longest: 255},
		attribute{name: "stockLevel", form: integer, required: true},
		// One old client treats it as mandatory, two newer ones leave it out: not mandatory, false when absent.
		attribute{name: "unlimitedStock", form: flag, initial: false},
		attribute{name: "skuCode", form: text, longest: 255},
		attribute{name: "eanCode", form: text, longest: 255},
		attribute{name: "articleCode", form: text, longest: 255},
		// Two sources contradict each other: nine digits, or 9,999,999.99. The sandbox has the narrower one.
		attribute{name: "price", form: money, digits: 7, unsigned: true},
		attribute{name: "status", form: status, initial: "enabled"},
		attribute{name: "notBeingBought", form: flag, initial: false},
		attribute{name: "resumingPurchase", form: moment},
		attribute{name: "assembled", form: flag, initial: false},
		attribute{name: "minimumStock", form: number},
		attribute{name: "maximumStock", form: number},
		attribute{name: "ignored", form: flag, initial: false},
		attribute{name: "manualServiceLevel", form: number},
		attribute{name: "createdAtRemote", form: moment},
		attribute{name: "stockMeasurementUnit", form: text, longest: 10},
		attribute{name: "remoteDataSyncedToDate", form: moment, coupled: true},
		attribute{name: "novel", form: flag, fixed: true, initial: false},
		attribute{name: "category", form: text, fixed: true},
		attribute{name: "remoteIdMap", form: remoteIDs, fixed: true},
	),
}

var sellOrders = &kind{
	name:      kindSellOrders,
	firstID:   70000001,
	withLines: true,
	relations: []string{"account", "sellOrderLines"},
	attributes: common(
		attribute{name: "accountId", form: reference, fixed: true},
		attribute{name: "placed", form: moment, required: true},
		attribute{name: "completed", form: moment},
		attribute{name: "totalValue", form: money, required: true, digits: 17},
		attribute{name: "remoteDataSyncedToDate", form: moment, coupled: true},
		attribute{name: "remoteIdMap", form: remoteIDs, fixed: true},
	),
}

var sellOrderLines = &kind{
	name:      kindSellOrderLines,
	firstID:   90000001,
	relations: []string{"product", "sellOrder"},
	attributes: common(
		// Not among a line's attributes, yet a client sends filter[accountId] with every read (seen).
		attribute{name: "accountId", form: reference, fixed: true, hidden: true},
		attribute{name: "sellOrderId", form: reference, required: true, refers: kindSellOrders},
		attribute{name: "productId", form: reference, required: true, refers: kindProducts},
		attribute{name: "quantity", form: integer, required: true},
		attribute{name: "subtotalValue", form: money, required: true, digits: 17},
		attribute{name: "remoteIdMap", form: remoteIDs, fixed: true},
	),
}

// inlineLine is what a line may carry inside its order: a flat object with these three and nothing else (seen).
var inlineLine = []string{"productId", "quantity", "subtotalValue"}

var accounts = &kind{
	name:     kindAccounts,
	readOnly: true,
	attributes: []attribute{
		{name: "id", form: identifier, fixed: true, hidden: true},
		{name: "accountId", form: reference, fixed: true, hidden: true},
		{name: "name", form: text, fixed: true},
		{name: "uuid", form: text, fixed: true},
	},
}

// kindOf finds a kind the sandbox has; all other resources of the API are 404 here.
func kindOf(name string) (*kind, bool) {
	for _, k := range []*kind{products, sellOrders, sellOrderLines, accounts} {
		if k.name == name {
			return k, true
		}
	}
	return nil, false
}
