package load

import "fmt"

// State is where a change stands: the newest row of the ledger for it.
//
//	   ┌── not applied (429, no connection; read back, and not there) ──┐
//	   ▼                                                                │
//	planned ──► sent ──► acknowledged                                   │
//	   │         │ ────► rejected   (400, 404 of a create, 409, 422)    │
//	   │         │ ────► held       (404 of an update)                  │
//	   │         └ ────► unknown   (no answer, or 5xx) ─────────────────┤
//	   │                    │ ────► acknowledged (read back, and there) │
//	   │                    └ ────► sent again, an update only          │
//	   ├──► rejected or held, after five attempts ◄─────────────────────┘
//	   └──► held, when the product of an order is missing
//
//	any of them ──► adopted     (adopt or reconcile --fix, while no load runs: found at Optiply, with the attributes it has there)
//
// A row of state sent is durable before its request leaves, some dozens of them in one commit; one that has no row after it
// when a run begins was cut off, and is as good as unknown. Until that is settled nothing else is sent for the same thing.
type State string

// The states of a change.
const (
	Planned      State = "planned"
	Sent         State = "sent"
	Acknowledged State = "acknowledged"
	Rejected     State = "rejected"
	Unknown      State = "unknown"
	Held         State = "held"
	Adopted      State = "adopted"
)

// follows tells whether a state may come after another. The empty state is a change that the ledger does not know. This
// is the one place where the transitions are enforced.
func (s State) follows(before State, create bool) error {
	ok := false
	switch s {
	case Sent:
		// A create whose outcome is not known must be read back before it is sent again (invariant 2); an update is safe to repeat.
		ok = !create || before != Sent && before != Unknown
	case Acknowledged, Planned:
		ok = before == Sent || before == Unknown
	case Rejected:
		ok = before == Sent || before == Planned // given up after answers that nothing was applied
	case Unknown:
		ok = before == Sent
	case Held:
		// What is not known stays unknown, however often it is passed over: only reading back may end that.
		ok = before != Acknowledged && before != Adopted && before != Unknown
	case Adopted:
		ok = true // Optiply itself has told, whatever was known before; package adopt writes it
	}
	if !ok {
		return fmt.Errorf("ledger: a change that is %q cannot become %q", before, s)
	}
	return nil
}
