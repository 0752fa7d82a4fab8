package load

import (
	"strings"
	"testing"
)

// TestState_EveryTransition lists what may follow what; all that is not listed is refused.
func TestState_EveryTransition(t *testing.T) {
	const unheard State = "" // not in the ledger
	all := []State{unheard, Planned, Sent, Acknowledged, Rejected, Unknown, Held, Adopted}
	for _, test := range []struct {
		next   State
		create bool
		after  []State
	}{
		{Sent, true, []State{unheard, Planned, Acknowledged, Rejected, Held, Adopted}}, // never after sent or unknown: read back first
		{Sent, false, all},
		{Acknowledged, true, []State{Sent, Unknown}},
		{Acknowledged, false, []State{Sent, Unknown}},
		{Planned, true, []State{Sent, Unknown}},
		{Planned, false, []State{Sent, Unknown}},
		{Rejected, true, []State{Sent, Planned}},
		{Rejected, false, []State{Sent, Planned}},
		{Unknown, true, []State{Sent}},
		{Unknown, false, []State{Sent}},
		{Held, true, []State{unheard, Planned, Sent, Rejected, Held}},
		{Held, false, []State{unheard, Planned, Sent, Rejected, Held}},
		{Adopted, true, all},
		{Adopted, false, all},
		{"done", true, nil},
	} {
		allowed := map[State]bool{}
		for _, s := range test.after {
			allowed[s] = true
		}
		for _, before := range all {
			err := test.next.follows(before, test.create)
			if (err == nil) != allowed[before] {
				t.Errorf("%q after %q (create %v): %v", test.next, before, test.create, err)
			}
			if err != nil && (!strings.Contains(err.Error(), string(before)) || !strings.Contains(err.Error(), string(test.next))) {
				t.Errorf("the error does not name %q and %q: %v", before, test.next, err)
			}
		}
	}
}
