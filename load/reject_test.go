package load

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"magento-optiply/optiply/sandbox"
)

// deleteAtOptiply does what somebody does in Optiply's screens.
func (b *bench) deleteAtOptiply(remoteID string) {
	b.t.Helper()
	if err := b.job().Client.Delete(b.t.Context(), "products", b.optiplyID(remoteID)); err != nil {
		b.t.Fatal(err)
	}
}

func updateOrCreate(id, attributes string) planned {
	p := update(id, attributes)
	p.whole = createWith(id, 5).attributes
	return p
}

func TestLoad_AnUpdateOfWhatIsMissingIsHeldOrCreatedAgain(t *testing.T) {
	b := newBench(t)
	b.plan(create("1"), create("2"))
	b.mustLoad()
	old := b.optiplyID("1")
	b.deleteAtOptiply("1")

	b.plan(update("1", `{"stockLevel":5}`), update("2", `{"stockLevel":5}`))
	b.mustLoad()
	b.issues("held products 1 | somebody deleted it in Optiply")
	b.same("the list", b.rows("SELECT concat_ws(' ', cause, op, status, body, times) FROM state.parked"), []string{`deleted_in_optiply update 404 {"stockLevel":5} 1`})

	b.plan(updateOrCreate("1", `{"stockLevel":5}`))
	r := b.mustLoad()
	b.has([]string{"name", "stockLevel"}, "1 name=Product 1 stockLevel=5", "2 name=Product 2 stockLevel=5")
	b.agrees()
	b.issues()
	b.parked()
	if b.optiplyID("1") == old || r.Counts[0].Op != "update" || r.Counts[0].Done != 1 {
		t.Errorf("id %s after %s, counts %+v", b.optiplyID("1"), old, r.Counts)
	}
	b.same("the ledger keeps the old id", b.rows("SELECT concat_ws(' ', op, state, optiply_id) FROM state.ledger WHERE remote_id = '1' AND plan_hash = (SELECT hash FROM plan.summary) ORDER BY seq"),
		[]string{"update sent " + old, "update planned " + old, "create sent", "create acknowledged " + b.optiplyID("1")})
}

// A create that takes the place of an update is one create, wherever the load is cut.
func TestLoad_WhatIsCreatedAgainIsCreatedOnceWhereverItIsCut(t *testing.T) {
	for name, fault := range map[string]sandbox.Fault{
		"its answer is lost":         {Method: http.MethodPost, Effect: sandbox.ResetAfter},
		"it does not arrive":         {Method: http.MethodPost, Effect: sandbox.ResetBefore},
		"the answer to the update":   {Method: http.MethodPatch, Effect: sandbox.ResetBefore},
		"Optiply fails and is there": {Method: http.MethodPost, Effect: sandbox.AnswerAfter, Status: 500},
	} {
		for _, resumed := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, resumed %v", name, resumed), func(t *testing.T) {
				b := newBench(t)
				b.plan(create("1"))
				b.mustLoad()
				b.deleteAtOptiply("1")
				b.plan(updateOrCreate("1", `{"stockLevel":5}`))
				b.fault(fault)
				b.noReads() // so that its outcome is not known when this load ends
				if _, err := b.load(); err != nil {
					t.Logf("the load was cut: %v", err)
				}
				b.box.ClearFaults()
				if !resumed {
					if err := b.job().Settle(t.Context()); err != nil {
						t.Fatal(err)
					}
					b.plan(updateOrCreate("1", `{"stockLevel":5}`))
				}
				b.mustLoad()
				b.has([]string{"stockLevel"}, "1 stockLevel=5")
				b.agrees()
			})
		}
	}
}

func TestLoad_UpdatesOfWhatIsMissingUseUpTheBudget(t *testing.T) {
	for _, again := range []bool{false, true} {
		t.Run(fmt.Sprint("created again ", again), func(t *testing.T) {
			b := newBench(t)
			b.workers = 1
			b.plan(create("1"))
			b.mustLoad()
			var plan []planned
			for i := range 120 {
				id := fmt.Sprint(i + 1000)
				b.exec("INSERT INTO state.products (remote_id, optiply_id, run_id, acknowledged_at, change) VALUES (?, ?, 'r', now()::TIMESTAMP, 0)", id, "9"+id)
				p := update(id, `{"stockLevel":5}`)
				if again {
					p = updateOrCreate(id, `{"stockLevel":5}`)
				}
				plan = append(plan, p)
			}
			b.plan(plan...) // as with the state of another account
			if err := b.stops(); !strings.Contains(err.Error(), "100 rows in a row failed in the same way (error budget)") {
				t.Errorf("the load ended with: %v", err)
			}
			if n := b.writes(http.MethodPatch); n != 100 {
				t.Errorf("%d updates before it stopped, want 100", n)
			}
		})
	}
}

func TestLoad_WhatIsRejectedIsOnTheListBeforeTheLoadEnds(t *testing.T) {
	b := newBench(t)
	b.workers = 1
	b.plan(create("1"), create("2"), create("3"))
	b.fault(sandbox.Fault{Contains: `"remoteId":"1"`, Effect: sandbox.Answer, Status: 422, Message: "not like that"})
	b.fault(sandbox.Fault{Contains: `"remoteId":"2"`, Effect: sandbox.Answer, Status: 403})
	b.stops()
	b.same("the list", b.rows("SELECT concat_ws(' ', cause, entity, remote_id, sku, kind, op, status, times, change_hash = (SELECT change_hash FROM plan.changes p WHERE p.remote_id = k.remote_id)) FROM state.parked k"),
		[]string{"refused products 1 SKU-1 rejected create 422 1 true"})
	b.same("request and answer", b.rows("SELECT (body::JSON ->> 'name') || ': ' || reason FROM state.parked"), []string{"Product 1: POST products: 422: not like that"})
}

func TestCauses_AreInTheDocument(t *testing.T) {
	text, err := os.ReadFile("../docs/rejects.md")
	if err != nil {
		t.Fatal(err)
	}
	waiting, err := os.ReadFile("sql/waiting.sql")
	if err != nil {
		t.Fatal(err)
	}
	for i, cause := range Causes() {
		if !strings.Contains(string(text), "\n| `"+cause+"` | ") {
			t.Errorf("docs/rejects.md does not explain %s", cause)
		}
		if i >= 6 && cause != "drift" && !strings.Contains(string(waiting), "'"+cause+"'") {
			t.Errorf("sql/waiting.sql does not name %s", cause)
		}
	}
}
