package check

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"magento-optiply/optiply"
)

// Names of Optiply's checks.
const (
	optiplyToken    = "optiply token"
	optiplyAccount  = "optiply account"
	optiplyCoupling = "optiply coupling"
	optiplyClock    = "optiply clock"
)

// looked is how many products of the account are looked at for their coupling.
const looked = 100

func (j *Job) checkOptiply(ctx context.Context) {
	all := []string{"optiply address", "optiply TLS", optiplyToken, optiplyAccount, optiplyCoupling, optiplyClock}
	if j.Optiply == nil {
		for _, check := range all {
			j.skip(check, j.NoOptiply)
		}
		return
	}
	if j.Sandbox {
		j.skip(all[0], "the sandbox is on this machine")
		j.skip(all[1], "the sandbox is on this machine")
	} else {
		api := j.checkReach(ctx, "optiply", "optiply.base_url", j.Config.Optiply.BaseURL)
		if dashboard := j.Config.Optiply.DashboardURL; dashboard != j.Config.Optiply.BaseURL {
			api = j.checkReach(ctx, "optiply token host", "optiply.dashboard_url", dashboard) && api
		}
		if !api {
			for _, check := range all[2:] {
				j.skip(check, "Optiply cannot be reached")
			}
			return
		}
	}
	j.begin(optiplyToken)
	if err := j.Optiply.Authenticate(ctx); err != nil {
		found, todo := explainOptiply(err)
		j.fail(optiplyToken, found, todo)
		j.skip(optiplyAccount, "there is no token")
		j.skip(optiplyCoupling, "there is no token")
	} else {
		j.ok(optiplyToken, "given")
		j.checkAccount(ctx)
		j.checkCoupling(ctx)
	}
	j.checkClock(optiplyClock, "Optiply", j.OptiplyClock, false)
}

func (j *Job) checkAccount(ctx context.Context) {
	j.begin(optiplyAccount)
	id := strconv.FormatInt(j.Config.Optiply.AccountID, 10)
	account, err := j.Optiply.Get(ctx, "accounts", id)
	var e *optiply.Error
	switch {
	case errors.As(err, &e) && (e.Kind == optiply.NotFound || e.Kind == optiply.Forbidden):
		j.fail(optiplyAccount, fmt.Sprintf("this user does not see account %s: %v", id, err), "check optiply.account_id, and whose user optiply.username is")
	case err != nil:
		found, todo := explainOptiply(err)
		j.fail(optiplyAccount, found, todo)
	default:
		found := id
		if name, ok := account.Text("name"); ok {
			found += " (" + name + ")"
		}
		j.ok(optiplyAccount, found)
	}
}

// checkCoupling looks whether the account's products have remote ids of the configured coupling. Nothing else tells of it: the API
// has no list of couplings.
func (j *Job) checkCoupling(ctx context.Context) {
	j.begin(optiplyCoupling)
	coupling := j.Config.Optiply.CouplingID
	products, ours := 0, 0
	other := ""
	for p, err := range j.Optiply.List(ctx, optiply.Products, optiply.ListQuery{}) {
		if err != nil {
			found, todo := explainOptiply(err)
			j.fail(optiplyCoupling, found, todo)
			return
		}
		products++
		if _, ok := p.RemoteID(coupling); ok {
			ours++
		}
		for id := range p.RemoteIDs {
			if id != strconv.FormatInt(coupling, 10) {
				other = id
			}
		}
		if products == looked {
			break
		}
	}
	some := fmt.Sprintf("%d of the account's first %d products have a remote id of coupling %d", ours, products, coupling)
	switch {
	case products == 0:
		j.ok(optiplyCoupling, fmt.Sprintf("%d; the account has no product yet that could show whether it is right", coupling))
	case j.state == 0:
		j.warn(optiplyCoupling, some+", and this shop's state knows none of them", "take them over with `adopt` before the first load, or each is created a second time")
	case ours > 0:
		j.ok(optiplyCoupling, some)
	case other != "":
		j.warn(optiplyCoupling, some+"; there are some of coupling "+other, "check optiply.coupling_id")
	default:
		j.warn(optiplyCoupling, some, "check optiply.coupling_id; products that came another way are taken over with `adopt`")
	}
}

func explainOptiply(err error) (found, todo string) {
	var e *optiply.Error
	if !errors.As(err, &e) {
		return err.Error(), "try again later"
	}
	switch e.Kind {
	case optiply.Unauthorized:
		return e.Error(), "check the optiply settings that it names"
	case optiply.Forbidden:
		return e.Error(), "ask Optiply for an API user that may read and write products and sell orders"
	case optiply.Misdirected:
		return e.Error(), "check optiply.base_url and optiply.dashboard_url"
	case optiply.Throttled:
		return e.Error(), "lower optiply.requests_per_second, and try again later"
	}
	return e.Error(), "try again later"
}
