package load

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"magento-optiply/optiply/sandbox"
)

func TestSettle_WhatAKillCutOffIsLookedForAndAdopted(t *testing.T) {
	b := newBench(t)
	// The kill came after the requests of 1 and 7 were applied, and before those of 2 and 8 left.
	b.plan(create("1"))
	b.mustLoad()
	b.exec("DELETE FROM state.products")
	b.exec("DELETE FROM state.ledger WHERE state = 'acknowledged'")
	b.cutOff(create("2"), "")
	if err := b.job().Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.history("products", "1", "sent", "acknowledged")
	b.history("products", "2", "sent", "planned")
	b.agrees()
	b.plan(create("2"))
	b.mustLoad()
	b.hasProducts("1", "2")
	b.agrees()
}

func TestSettle_WhatCannotBeReadBackIsHeldAndNotSentAgain(t *testing.T) {
	for _, effect := range []sandbox.Effect{sandbox.ResetAfter, sandbox.ResetBefore} {
		t.Run(string(effect), func(t *testing.T) {
			b := newBench(t)
			b.fault(sandbox.Fault{Contains: `"remoteId":"2"`, Effect: effect})
			b.noReads()
			b.plan(create("1"), create("2"), order("7", "20.00", "1", "2"))
			r := b.mustLoad()
			if c := r.Counts[0]; c.Done != 1 || c.Held != 1 {
				t.Errorf("counts %+v", c)
			}
			b.issues("held products 2 | not known whether Optiply has it", "held sell_orders 7 | product 2")
			b.parked("products 2 held", "sell_orders 7 held")
			b.history("products", "2", "sent", "unknown")
			posts := b.writes(http.MethodPost)

			b.mustLoad() // the same plan, and Optiply cannot be read back yet
			b.issues("held products 2 | not known whether Optiply has it", "held sell_orders 7")
			b.plan(create("2"), create("3"), order("7", "20.00", "1", "2")) // the next night: it still is not in the state
			b.mustLoad()
			b.issues("held products 2 | not known whether Optiply has it", "held sell_orders 7 | product 2")
			if n := b.writes(http.MethodPost); n != posts+1 {
				t.Errorf("%d requests more than the one for 3", n-posts-1)
			}

			b.box.ClearFaults()
			if err := b.job().Settle(t.Context()); err != nil {
				t.Fatal(err)
			}
			rest := []planned{order("7", "20.00", "1", "2")}
			if effect == sandbox.ResetBefore {
				rest = append(rest, create("2"))
			}
			b.plan(rest...)
			b.mustLoad()
			b.hasProducts("1", "2", "3")
			b.hasOrders("7")
			b.issues()
			b.parked()
			b.agrees()
		})
	}
}

func TestSettle_AnUpdateOfUnknownOutcomeIsSentAgainBeforeTheDiff(t *testing.T) {
	b := newBench(t)
	b.plan(create("1"))
	b.mustLoad()
	b.fault(sandbox.Fault{Method: http.MethodPatch, Effect: sandbox.ResetAfter, Times: -1})
	b.noReads()
	b.plan(update("1", `{"stockLevel":5}`))
	b.mustLoad()
	b.issues("held products 1 | not known whether Optiply has it")
	b.has([]string{"stockLevel"}, "1 stockLevel=5") // and the state says 10
	b.box.ClearFaults()

	// The source goes back to 10. A diff against the state would find nothing; the run settles first.
	if err := b.job().Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.agrees()
	b.plan(update("1", `{"stockLevel":10}`))
	b.mustLoad()
	b.has([]string{"stockLevel"}, "1 stockLevel=10")
	b.agrees()
}

func TestSettle_NothingIsSentForAThingWhoseEarlierUpdateIsOpen(t *testing.T) {
	b := newBench(t)
	b.plan(create("1"), create("2"))
	b.mustLoad()
	b.fault(sandbox.Fault{Method: http.MethodPatch, Contains: `{"name":"B"}`, Effect: sandbox.ResetAfter, Times: -1})
	b.noReads()
	b.plan(update("1", `{"name":"B"}`))
	b.mustLoad()
	// Back to the old name, and a new stock. An answer to this update would hide that the name is open.
	b.plan(update("1", `{"stockLevel":3}`), update("2", `{"stockLevel":3}`))
	b.mustLoad()
	b.issues("held products 1")
	b.has([]string{"name", "stockLevel"}, "1 name=B stockLevel=10", "2 name=Product 2 stockLevel=3")
	b.box.ClearFaults()
	if err := b.job().Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.agrees()
}

func TestSettle_AnUpdateThatMayHaveBeenAppliedStaysUnknownWhateverCameAfter(t *testing.T) {
	for _, status := range []int{403, 429} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			b := newBench(t)
			b.plan(create("1"))
			b.mustLoad()
			b.fault(sandbox.Fault{Method: http.MethodPatch, Effect: sandbox.ResetAfter})
			b.fault(sandbox.Fault{Method: http.MethodPatch, Effect: sandbox.Answer, Status: status, Times: -1})
			b.noReads()
			b.plan(update("1", `{"stockLevel":5}`))
			if status == 403 {
				b.stops()
			} else {
				b.mustLoad()
			}
			states := b.rows("SELECT state FROM state.ledger ORDER BY seq DESC LIMIT 1")
			b.same("newest state", states, []string{"unknown"})
			b.box.ClearFaults()
			if err := b.job().Settle(t.Context()); err != nil {
				t.Fatal(err)
			}
			b.agrees()
		})
	}
}

func TestLoad_WhatIsSettledLateIsPassedOverAndTheOthersAreSent(t *testing.T) {
	b := newBench(t)
	b.plan(create("1"), create("2"))
	b.mustLoad()
	b.fault(sandbox.Fault{Contains: `"remoteId":"3"`, Effect: sandbox.ResetAfter})
	b.fault(sandbox.Fault{Contains: `"remoteId":"7"`, Effect: sandbox.ResetAfter})
	b.fault(sandbox.Fault{Contains: `{"stockLevel":5}`, Effect: sandbox.ResetAfter, Times: -1})
	b.noReads()
	b.plan(update("1", `{"stockLevel":5}`), create("3"), order("7", "10.00", "2"))
	b.mustLoad()
	b.issues("held products 1", "held products 3", "held sell_orders 7")

	// The next run could not settle when it began, made its plan, and can settle when it loads.
	b.plan(create("3"), create("4"), update("2", `{"stockLevel":6}`), order("7", "10.00", "2"), order("8", "20.00", "3", "4"))
	b.box.ClearFaults()
	r := b.mustLoad()
	b.issues("held products 1 | the next run compares it again", "held products 3 | the next run compares it again")
	b.parked("products 1 held", "products 3 held")
	b.has([]string{"stockLevel"}, "1 stockLevel=5", "2 stockLevel=6", "3 stockLevel=10", "4 stockLevel=10")
	b.hasOrders("7", "8")
	b.agrees()
	if got := fmt.Sprint(r.Counts); got != "[{products create 2 1 0 1 0} {products update 1 1 0 0 0} {sell_orders create 2 2 0 0 0}]" {
		t.Errorf("counts %s", got)
	}
	b.mustLoad() // and again, as after a kill at the very end
	b.hasOrders("7", "8")
	b.issues("held products 1", "held products 3")
}

func TestSettle_AForeignObjectWithoutRemoteIDIsAdoptedOnlyByItsNature(t *testing.T) {
	b := newBench(t)
	b.plan(create("1"))
	b.mustLoad()
	// Another integration writes under another coupling, and one writes without any.
	other := b.box.Products()[0]
	if other.RemoteID() != "1" {
		t.Fatal(other)
	}
	job := b.job()
	job.CouplingID = 1 // nothing of ours is under this one
	b.plan(create("1"))
	b.exec("DELETE FROM state.products")
	b.exec("DELETE FROM state.ledger")
	b.cutOff(create("1"), "")
	if err := job.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.history("products", "1", "sent", "planned")
}

// Two orders of the same second and value, at an Optiply that tells no remote ids: the one is not taken for the other.
func TestLoad_OfTwoOrdersThatAreAlikeBothAreSent(t *testing.T) {
	alike := func(id string) planned {
		o := order(id, "20.00", "1")
		o.attributes = strings.Replace(o.attributes, fmt.Sprintf(`"remoteId":%q,`, id), "", 1)
		return o
	}
	for _, moment := range []string{"the same load", "a later one"} {
		t.Run(moment, func(t *testing.T) {
			b := newBench(t)
			b.workers = 1
			lost := sandbox.Fault{Method: http.MethodPost, Path: "sellOrders", Effect: sandbox.ResetBefore, Skip: 1}
			if moment == "the same load" {
				b.fault(lost)
				b.plan(create("1"), alike("7"), alike("8"))
				b.mustLoad()
			} else {
				b.plan(create("1"), alike("7"))
				b.mustLoad()
				b.plan(alike("8"))
				b.cutOff(alike("8"), "")
				b.mustLoad()
			}
			if n := len(b.box.SellOrders()); n != 2 {
				t.Errorf("Optiply has %d of the 2 orders", n)
			}
			b.same("orders by id at Optiply", b.rows("SELECT count(DISTINCT optiply_id)::VARCHAR FROM state.sell_orders"), []string{"2"})
		})
	}
}

func TestSettle_SaysWhichRowStoppedIt(t *testing.T) {
	b := newBench(t)
	b.plan(create("1"))
	b.mustLoad()
	b.cutOff(update("1", `{"stockLevel":5}`), b.optiplyID("1"))
	b.fault(sandbox.Fault{Method: http.MethodPatch, Effect: sandbox.Answer, Status: 403, Times: -1})
	err := b.job().Settle(t.Context())
	if err == nil || !strings.Contains(err.Error(), "settle update products 1: PATCH products/") {
		t.Errorf("settle: %v", err)
	}
	b.box.ClearFaults()
	if err := b.job().Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.has([]string{"stockLevel"}, "1 stockLevel=5")
	b.agrees()
}
