package extract

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"magento-optiply/magento"
)

// partition is one store that orders and products are read for; the zero value is the whole shop.
type partition struct {
	code string
	id   int
}

type storeView struct {
	ID        int    `json:"id"`
	Code      string `json:"code"`
	WebsiteID int    `json:"website_id"`
}

// clockTolerance is how far the shop's clock may differ from ours before it is worth a warning.
const clockTolerance = 5 * time.Minute

// readStores reads the store views and websites, takes the time from the shop, and resolves magento.store_id.
func (j *Job) readStores(ctx context.Context) error {
	views, err := j.readArray(ctx, "stores", "store/storeViews")
	if err == nil {
		_, err = j.readArray(ctx, "websites", "store/websites")
	}
	var e *magento.Error
	if errors.As(err, &e) && e.Kind == magento.Forbidden && len(j.Config.Magento.StoreIDs) == 0 {
		// Nothing that this run sends depends on the store list, so a token without that permission can do without.
		j.Log.Warn("the stores are not read: "+e.Message, "permission", e.Resource)
		err = nil
	}
	if err != nil {
		return err
	}
	if err := j.setClock(ctx); err != nil {
		return err
	}
	return j.resolveStores(views)
}

// readArray reads a stream that is answered as one bare array, and returns its body.
func (j *Job) readArray(ctx context.Context, stream, path string) ([]byte, error) {
	p, err := j.begin(ctx, stream, "", partFull, time.Time{}, time.Time{})
	if err != nil {
		return nil, err
	}
	j.Progress.Begin(stream, -1)
	defer j.Progress.End(stream)
	resp, err := j.Client.Get(ctx, path, nil)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read %s: %w", stream, err), p.finish(context.WithoutCancel(ctx), err.Error()))
	}
	if !resp.Date.IsZero() {
		j.shopNow = resp.Date
	}
	var items []json.RawMessage
	if err := json.Unmarshal(resp.Body, &items); err != nil {
		return nil, fmt.Errorf("read %s: the answer is no list: %w", stream, err)
	}
	if p.done {
		return resp.Body, nil
	}
	if err := p.save(ctx, resp.Body, len(items), ""); err != nil {
		return nil, err
	}
	return resp.Body, p.finish(ctx, "")
}

// setClock fixes the run's "now": the shop's clock, which wrote the times that the windows are compared with, or ours
// where it does not tell. A resumed run keeps the one it has.
func (j *Job) setClock(ctx context.Context) error {
	ours := j.Now().UTC()
	if j.shopNow.IsZero() {
		j.shopNow = ours
	}
	if skew := j.shopNow.Sub(ours).Abs(); skew > clockTolerance && !j.Recorded {
		j.Log.Warn("the shop's clock and this machine's differ; the shop's counts", "shop", j.shopNow.Format(time.RFC3339), "here", ours.Format(time.RFC3339))
	}
	_, err := j.Run.DB.ExecContext(ctx, "UPDATE run.info SET shop_now = coalesce(shop_now, ?)", j.shopNow.UTC())
	if err == nil {
		err = j.Run.DB.QueryRowContext(ctx, "SELECT shop_now FROM run.info").Scan(&j.shopNow)
	}
	if err != nil {
		return fmt.Errorf("keep the shop's clock: %w", err)
	}
	return nil
}

// resolveStores turns magento.store_id, ids or codes, into partitions. A store that the shop does not have is an error,
// because a run that skips it would read nothing of it and say nothing (contracts: W8).
func (j *Job) resolveStores(views []byte) error {
	j.stores = nil
	if len(j.Config.Magento.StoreIDs) == 0 {
		j.stores = []partition{{}}
		return nil
	}
	var known []storeView
	if err := json.Unmarshal(views, &known); err != nil {
		return fmt.Errorf("read stores: %w", err)
	}
	var codes []string
	for _, v := range known {
		codes = append(codes, fmt.Sprintf("%d (%s)", v.ID, v.Code))
	}
	seen := map[int]bool{}
	for _, wanted := range j.Config.Magento.StoreIDs {
		view, ok := findStore(known, wanted)
		if !ok {
			return &UsageError{fmt.Errorf("magento.store_id: the shop has no store %q; it has %s", wanted, strings.Join(codes, ", "))}
		}
		if !seen[view.ID] {
			j.stores = append(j.stores, partition{code: view.Code, id: view.ID})
		}
		seen[view.ID] = true
	}
	return nil
}

func findStore(known []storeView, wanted string) (storeView, bool) {
	for _, v := range known {
		if v.Code == wanted || strconv.Itoa(v.ID) == wanted {
			return v, true
		}
	}
	return storeView{}, false
}

// only adds the filter on one store to a question.
func (p partition) only(c magento.Criteria) magento.Criteria {
	if p == (partition{}) {
		return c
	}
	return c.Where(magento.Filter{Field: "store_id", Value: strconv.Itoa(p.id)})
}
