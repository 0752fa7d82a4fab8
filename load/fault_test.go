package load

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"magento-optiply/optiply"
	"magento-optiply/optiply/sandbox"
)

// TestLoad_NothingIsLostOrSentTwice strikes the first request of a product's create, of an update and of an order, in every
// way in which an answer can fail to come, before and after Optiply applied it.
func TestLoad_NothingIsLostOrSentTwice(t *testing.T) {
	for _, test := range []struct {
		name    string
		fault   sandbox.Fault
		applied bool
	}{
		{"500", sandbox.Fault{Effect: sandbox.Answer, Status: 500}, false},
		{"503", sandbox.Fault{Effect: sandbox.Answer, Status: 503}, false},
		{"429", sandbox.Fault{Effect: sandbox.Answer, Status: 429}, false},
		{"reset before it is applied", sandbox.Fault{Effect: sandbox.ResetBefore}, false},
		{"500 after it was applied", sandbox.Fault{Effect: sandbox.AnswerAfter, Status: 500}, true},
		{"504 after it was applied", sandbox.Fault{Effect: sandbox.AnswerAfter, Status: 504}, true},
		{"408 after it was applied", sandbox.Fault{Effect: sandbox.AnswerAfter, Status: 408}, true},
		{"reset after it was applied", sandbox.Fault{Effect: sandbox.ResetAfter}, true},
		{"answer cut in the middle", sandbox.Fault{Effect: sandbox.TruncateAfter}, true},
		{"no answer at all", sandbox.Fault{Effect: sandbox.HangAfter}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			b.plan(create("1"))
			b.mustLoad()
			if test.fault.Effect == sandbox.HangAfter {
				b.timeout = 400 * time.Millisecond
			}
			for _, contains := range []string{`"remoteId":"2"`, `"stockLevel":5}`, `"remoteId":"7"`} {
				f := test.fault
				f.Contains = contains
				b.fault(f)
			}
			b.plan(create("2"), create("3"), update("1", `{"stockLevel":5}`), order("7", "20.00", "1", "2"), order("8", "10.00", "3"))
			b.mustLoad()
			b.has([]string{"stockLevel"}, "1 stockLevel=5", "2 stockLevel=10", "3 stockLevel=10")
			b.hasOrders("7", "8")
			b.agrees()
			b.issues()
			b.parked()
			posts := 1 + 2 + 2 // and those that were not applied again
			if !test.applied {
				posts += 2
			}
			if n := b.writes(http.MethodPost); n != posts {
				t.Errorf("%d POST requests, want %d", n, posts)
			}
			if n := b.writes(http.MethodPatch); n != 2 {
				t.Errorf("%d PATCH requests, want 2", n)
			}
			for _, k := range []struct{ entity, id string }{{"products", "2"}, {"sell_orders", "7"}} {
				switch {
				case test.applied:
					b.history(k.entity, k.id, "sent", "unknown", "acknowledged")
				case test.name == "429":
					b.history(k.entity, k.id, "sent", "planned", "sent", "acknowledged")
				default:
					b.history(k.entity, k.id, "sent", "unknown", "planned", "sent", "acknowledged")
				}
			}
		})
	}
}

func TestLoad_AnExpiredTokenIsRenewedOnce(t *testing.T) {
	b := newBench(t)
	b.fault(sandbox.Fault{Contains: `"remoteId":"2"`, Effect: sandbox.ExpireTokens})
	b.plan(create("1"), create("2"), create("3"))
	b.workers = 1
	b.mustLoad()
	b.hasProducts("1", "2", "3")
	b.history("products", "2", "sent", "acknowledged")
	tokens := 0
	for _, r := range b.box.Requests() {
		if strings.HasPrefix(r.Path, "/api/") {
			tokens++
		}
	}
	if tokens != 2 {
		t.Errorf("%d tokens were asked for, want 2", tokens)
	}
}

func TestLoad_RefusedCredentialsStopItAndNothingIsLost(t *testing.T) {
	for _, test := range []struct {
		status int
		kind   optiply.Kind
	}{{401, optiply.Unauthorized}, {403, optiply.Forbidden}} {
		t.Run(fmt.Sprint(test.status), func(t *testing.T) {
			b := newBench(t)
			b.plan(create("1"), create("2"), create("3"), create("4"), create("5"), create("6"), order("7", "10.00", "3"))
			b.fault(sandbox.Fault{Method: http.MethodPost, Skip: 2, Times: -1, Effect: sandbox.Answer, Status: test.status})
			err := b.stops()
			if e, ok := errors.AsType[*optiply.Error](err); !ok || e.Kind != test.kind {
				t.Errorf("the load ended with %v", err)
			}
			b.agrees()
			if n := len(b.box.Products()); n != 2 {
				t.Errorf("%d products, want 2", n)
			}
			b.same("bookmarks", b.rows("SELECT stream FROM state.bookmarks"), nil)

			b.box.ClearFaults()
			b.mustLoad()
			b.hasProducts("1", "2", "3", "4", "5", "6")
			b.hasOrders("7")
			b.agrees()
		})
	}
}

func TestLoad_RetryAfterIsObeyedByAllWorkers(t *testing.T) {
	b := newBench(t)
	b.workers = 4
	b.hook(slow(50 * time.Millisecond)) // else all are sent before the answer is read
	b.fault(sandbox.Fault{Method: http.MethodPost, Path: "products", Skip: 3, Effect: sandbox.Answer, Status: 429, RetryAfter: time.Second})
	var plan []planned
	for i := range 16 {
		plan = append(plan, create(fmt.Sprint(i+1)))
	}
	b.plan(plan...)
	b.mustLoad()
	var told time.Time
	soon := 0
	for _, r := range b.box.Requests() {
		switch {
		case r.Status == 429:
			told = r.At
		case !told.IsZero() && r.At.Sub(told) < 990*time.Millisecond:
			soon++
		}
	}
	if soon > 2*(b.workers-1) { // those that were under way, and on a busy machine one more of each worker
		t.Errorf("%d requests came within the second's rest that Optiply asked for", soon)
	}
	if told.IsZero() || len(b.box.Products()) != 16 {
		t.Errorf("told at %v, %d products", told, len(b.box.Products()))
	}
	b.agrees()
}

func TestLoad_OnePayloadThatAlwaysFailsIsRejectedAfterFiveAttempts(t *testing.T) {
	for _, status := range []int{500, 429} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			b := newBench(t)
			b.plan(create("1"))
			b.mustLoad()
			b.fault(sandbox.Fault{Contains: `"remoteId":"2"`, Effect: sandbox.Answer, Status: status, Message: "poisoned", Times: -1})
			b.fault(sandbox.Fault{Contains: `"stockLevel":5}`, Effect: sandbox.Answer, Status: status, Message: "poisoned", Times: -1})
			b.plan(create("2"), create("3"), update("1", `{"stockLevel":5}`))
			b.mustLoad()
			b.has([]string{"stockLevel"}, "1 stockLevel=10", "3 stockLevel=10")
			b.issues("rejected products 1 | given up after 5 attempts", "rejected products 2 | given up after 5 attempts")
			if posts, patches := b.writes(http.MethodPost), b.writes(http.MethodPatch); posts != 1+5+1 || patches != 5 {
				t.Errorf("%d POST and %d PATCH requests", posts, patches)
			}
			b.agrees()
		})
	}
}

func TestLoad_AnUpdateThatIsAppliedAndAlwaysAnsweredBadlyIsLookedFor(t *testing.T) {
	b := newBench(t)
	b.plan(create("1"))
	b.mustLoad()
	b.fault(sandbox.Fault{Method: http.MethodPatch, Effect: sandbox.AnswerAfter, Status: 500, Times: -1})
	b.plan(update("1", `{"stockLevel":5,"price":7.5,"createdAtRemote":"2024-05-01T09:15:00Z"}`))
	b.mustLoad()
	b.issues()
	b.has([]string{"stockLevel", "price"}, "1 stockLevel=5 price=7.50")
	b.agrees()
}

func TestLoad_ARequestThatNeverGetsThroughIsHeldByName(t *testing.T) {
	b := newBench(t)
	b.fault(sandbox.Fault{Contains: `"remoteId":"2"`, Effect: sandbox.ResetBefore, Times: -1})
	b.plan(create("1"), create("2"), create("3"))
	b.mustLoad()
	b.hasProducts("1", "3")
	b.issues("held products 2 | given up after 5 attempts")
	b.parked("products 2 held")

	b.box.ClearFaults()
	b.plan(create("2"))
	b.mustLoad()
	b.hasProducts("1", "2", "3")
	b.parked()
	b.agrees()
}

func TestLoad_OptiplyUnreachableStopsIt(t *testing.T) {
	nobody := httptest.NewServer(nil)
	nobody.Close()
	for _, test := range []struct{ name, api, all string }{{"the API", nobody.URL + "/v1", ""}, {"the token host too", "", nobody.URL}} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t)
			var plan []planned
			for i := range 10 {
				plan = append(plan, create(fmt.Sprint(i+1)))
			}
			b.plan(plan...)
			good := b.url
			b.base = test.api
			if test.all != "" {
				b.url = test.all
			}
			err := b.stops()
			if !strings.Contains(err.Error(), "error budget") || !strings.Contains(err.Error(), "refused") {
				t.Errorf("the load ended with: %v", err)
			}
			b.base, b.url = "", good
			b.mustLoad()
			if n := len(b.box.Products()); n != 10 {
				t.Errorf("%d products, want 10", n)
			}
			b.issues()
			b.agrees()
		})
	}
}

func TestLoad_ManyFailuresInARowStopItAndNothingIsLost(t *testing.T) {
	b := newBench(t)
	b.workers = 4
	var plan []planned
	for i := range 24 {
		plan = append(plan, create(fmt.Sprint(i+1)))
	}
	b.plan(plan...)
	b.fault(sandbox.Fault{Method: http.MethodPost, Path: "products", Skip: 3, Times: -1, Effect: sandbox.Answer, Status: 500})
	err := b.stops()
	if !strings.Contains(err.Error(), "8 rows in a row failed in the same way (error budget)") {
		t.Errorf("the load ended with: %v", err)
	}
	if n := b.writes(http.MethodPost); n > 3+11*5 {
		t.Errorf("%d requests before it stopped", n)
	}
	b.same("bookmarks", b.rows("SELECT stream FROM state.bookmarks"), nil)
	b.box.ClearFaults()

	r := b.mustLoad()
	rejected := int(r.Counts[0].Rejected) // those that were given up before it stopped; they are parked by name
	if rejected < 8 || rejected > 11 || len(b.box.Products()) != 24-rejected || len(b.rows("SELECT remote_id FROM state.parked")) != rejected {
		t.Errorf("%d rejected, %d products", rejected, len(b.box.Products()))
	}
	b.agrees()
}

func TestLoad_OneBadRowAmongGoodOnesNeverUsesUpTheBudget(t *testing.T) {
	b := newBench(t)
	b.workers = 1
	var plan []planned
	for i := range 18 {
		plan = append(plan, create(fmt.Sprint(i+1)))
		if i%2 == 0 {
			b.fault(sandbox.Fault{Contains: fmt.Sprintf(`"remoteId":"%d"`, i+1), Effect: sandbox.Answer, Status: 503, Times: -1})
		}
	}
	b.plan(plan...)
	r := b.mustLoad()
	if r.Counts[0].Rejected != 9 || r.Counts[0].Done != 9 {
		t.Errorf("counts %+v", r.Counts)
	}
}

func TestLoad_ReadBacksThatFailUseUpTheBudget(t *testing.T) {
	b := newBench(t)
	b.workers = 1
	var plan []planned
	for i := range 20 {
		plan = append(plan, create(fmt.Sprint(i+1)))
	}
	b.plan(plan...)
	b.fault(sandbox.Fault{Method: http.MethodPost, Path: "products", Effect: sandbox.ResetAfter, Times: -1})
	b.noReads()
	if err := b.stops(); !strings.Contains(err.Error(), "error budget") {
		t.Errorf("the load ended with: %v", err)
	}
	if n := len(b.box.Products()); n != 8 {
		t.Errorf("%d products were sent before it stopped, want 8", n)
	}
	b.box.ClearFaults()
	b.mustLoad()
	if n := len(b.box.Products()); n != 20 {
		t.Errorf("%d products, want 20", n)
	}
	b.issues()
	b.agrees()
}

func TestLoad_ALedgerThatCannotBeWrittenLetsNothingLeave(t *testing.T) {
	b := newBench(t)
	var changes []planned
	var all []string
	for i := range 3 * intentsAhead {
		all = append(all, fmt.Sprint(i+1))
		changes = append(changes, create(all[i]))
	}
	b.plan(changes...)
	var once sync.Once
	b.hook(func(r *http.Request, body string) {
		if strings.Contains(body, `"remoteId":"1"`) {
			// The first answers cannot be written, nor another intent, as on a full disk.
			once.Do(func() { b.exec("ALTER TABLE state.ledger RENAME TO ledger_away") })
		}
	})
	err := b.stops()
	if !strings.Contains(err.Error(), "write the ledger") {
		t.Errorf("the load ended with: %v", err)
	}
	b.exec("ALTER TABLE state.ledger_away RENAME TO ledger")
	intents := strings.Join(b.rows("SELECT remote_id FROM state.ledger WHERE state = 'sent'"), " ") + " "
	for _, p := range b.box.Products() {
		if !strings.Contains(intents, p.RemoteID()+" ") {
			t.Errorf("product %s was sent without a row of the ledger", p.RemoteID())
		}
	}
	if n := len(b.box.Products()); n == 0 || n > intentsAhead {
		t.Errorf("%d products were sent, want 1 to %d", n, intentsAhead)
	}
	b.mustLoad()
	b.hasProducts(all...)
	b.agrees()
}
