package extract

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"magento-optiply/magento"
)

// partition is one store that orders and products are read for; the zero value is the whole shop.
type partition struct {
	code    string
	id      int
	website int
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
	if errors.As(err, &e) && len(j.Config.Magento.StoreIDs) == 0 && !names(j.Streams, "stores", "websites", "store_configs") && slices.Contains([]magento.Kind{magento.Forbidden, magento.NoRoute, magento.NotFound}, e.Kind) {
		// Nothing that this run sends depends on the store list, so a shop that does not show it can do without.
		j.Log.Warn("the stores are not read: "+e.Message, "permission", e.Resource)
		err = nil
	}
	if err == nil {
		err = j.needClock(ctx)
	}
	if err != nil {
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
	if p.pages > 0 { // from before a kill
		body, err := j.Run.ReadPage(stream, p.file)
		if err == nil && !p.done {
			err = p.finish(ctx, "")
		}
		return body, err
	}
	j.Progress.Begin(stream, -1)
	defer j.Progress.End(stream)
	resp, err := j.Client.Get(ctx, path, nil)
	if err != nil {
		return nil, p.fail(ctx, err)
	}
	var items []json.RawMessage
	if err := json.Unmarshal(resp.Body, &items); err != nil {
		return nil, p.fail(ctx, fmt.Errorf("the answer is no list: %w", err))
	}
	if err := j.setClock(ctx, resp.Date); err != nil {
		return nil, err
	}
	if err := p.save(ctx, resp.Body, len(items), ""); err != nil {
		return nil, p.fail(ctx, err)
	}
	return resp.Body, p.finish(ctx, "")
}

// setClock fixes the run's "now" by the date of the first answer that has one: it is the shop's clock that wrote the
// times which the windows are compared with.
func (j *Job) setClock(ctx context.Context, date time.Time) error {
	if !j.shopNow.IsZero() || date.IsZero() {
		return nil
	}
	if ours := j.Now().UTC(); date.Sub(ours).Abs() > clockTolerance && !j.Recorded {
		j.Log.Warn("the shop's clock and this machine's differ; the shop's counts", "shop", date.UTC().Format(time.RFC3339), "here", ours.Format(time.RFC3339))
	}
	_, err := j.Run.DB.ExecContext(ctx, "UPDATE run.info SET shop_now = coalesce(shop_now, ?)", date.UTC())
	if err == nil {
		// A resumed run keeps the one it has.
		err = j.Run.DB.QueryRowContext(ctx, "SELECT shop_now FROM run.info").Scan(&j.shopNow)
	}
	if err != nil {
		return fmt.Errorf("keep the shop's clock: %w", err)
	}
	return nil
}

// needClock takes the time from before a kill, or from a list that every token may read, where the stores did not tell
// it; from this machine only when the shop tells it nowhere.
func (j *Job) needClock(ctx context.Context) error {
	var kept sql.NullTime
	if err := j.Run.DB.QueryRowContext(ctx, "SELECT shop_now FROM run.info").Scan(&kept); err != nil {
		return fmt.Errorf("read run.info: %w", err)
	}
	if kept.Valid {
		j.shopNow = kept.Time
		return nil
	}
	resp, err := j.Client.Get(ctx, "modules", nil)
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("ask for the shop's time: %w", err)
	case err == nil && !resp.Date.IsZero():
		return j.setClock(ctx, resp.Date)
	}
	j.Log.Warn("the shop does not tell its time, so this machine's clock counts")
	return j.setClock(ctx, j.Now())
}

// resolveStores turns magento.store_id, ids or codes, into partitions. A store that the shop does not have is an error,
// because a run that skips it would read nothing of it and say nothing (contracts: W8).
func (j *Job) resolveStores(views []byte) error {
	j.stores, j.views = nil, nil
	if err := json.Unmarshal(views, &j.views); err != nil && views != nil {
		return fmt.Errorf("read stores: %w", err)
	}
	if len(j.Config.Magento.StoreIDs) == 0 {
		j.stores = []partition{{}}
		return nil
	}
	var codes []string
	for _, v := range j.views {
		codes = append(codes, fmt.Sprintf("%d (%s)", v.ID, v.Code))
	}
	seen := map[int]bool{}
	for _, wanted := range j.Config.Magento.StoreIDs {
		view, ok := findStore(j.views, wanted)
		if !ok {
			return &UsageError{fmt.Errorf("magento.store_id: the shop has no store %q; it has %s", wanted, strings.Join(codes, ", "))}
		}
		if !seen[view.ID] {
			j.stores = append(j.stores, partition{code: view.Code, id: view.ID, website: view.WebsiteID})
		}
		seen[view.ID] = true
	}
	return nil
}

// listings are the stores that products are read for: the first named of each website. A filter on store_id gives the products of
// the store's website (recorded: magento-observed, Filters), so the other views of it would list the same once more, with values that
// count for nothing.
func (j *Job) listings() []partition {
	var list []partition
	for _, s := range j.stores {
		if !slices.ContainsFunc(list, func(other partition) bool { return other.website == s.website }) {
			list = append(list, s)
		}
	}
	return list
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
