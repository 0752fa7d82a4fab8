package extract

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"magento-optiply/magento"
)

// readMore reads the streams that the sync does not need, where they were named: after all that it does need.
func (j *Job) readMore(ctx context.Context) error {
	if left := LeftOutOfAll(j.Streams); len(left) > 0 {
		j.Log.Info("all leaves out what holds personal data; name it to stage it too, as in --streams all,customers or magento.streams", "left_out", strings.Join(left, ","))
	}
	for _, s := range streams {
		if !s.extra || !s.isNamed(j.Streams) {
			continue
		}
		if s.paging == oneByCode {
			if err := j.readStoreConfigs(ctx, s); err != nil {
				return err
			}
			continue
		}
		stores := []partition{{}}
		if s.byStore {
			stores = j.stores
		}
		for _, store := range stores {
			if err := j.readStream(ctx, s, store); err != nil {
				return err
			}
		}
	}
	return nil
}

// readStream reads a stream of one store: what changed in its window, or all of it.
func (j *Job) readStream(ctx context.Context, s stream, store partition) error {
	name := partFull
	var start, end time.Time
	if s.window {
		var err error
		if start, end, err = j.window(ctx, s.name, store.code); err != nil {
			return err
		}
		if name = partWindow; j.Full {
			start = j.Config.Magento.StartDate
		}
	}
	p, err := j.begin(ctx, s.name, store.code, name, start, end)
	if err != nil || p.done {
		return err
	}
	l := listing{path: s.path, idField: s.key, dated: s.window, window: s.window, size: j.Config.Magento.PageSize,
		base: store.only(magento.Criteria{Fields: "items[" + s.fields + "],total_count"})}
	if s.paging == byKeyset {
		l.keyset = s.column
	} else {
		l.base = l.base.OrderBy(s.column, false)
	}
	t, err := p.read(ctx, l)
	if err != nil {
		return err
	}
	// A window that is not whole leaves its bookmark where it is (section 6.3).
	return p.finish(ctx, t.short("records"))
}

// readStoreConfigs asks under each store code, as its visitors are served, and keeps that store's configuration: the answer
// holds those of all stores (recorded: a-store-storeConfigs). The code admin is refused in a path.
func (j *Job) readStoreConfigs(ctx context.Context, s stream) error {
	stores := j.stores
	if len(j.Config.Magento.StoreIDs) == 0 {
		stores = nil
		for _, v := range j.views {
			stores = append(stores, partition{code: v.Code, id: v.ID})
		}
	}
	stores = slices.DeleteFunc(slices.Clone(stores), func(p partition) bool { return p.id == 0 })
	j.Progress.Begin(s.name, int64(len(stores)))
	defer j.Progress.End(s.name)
	for _, store := range stores {
		if err := j.readStoreConfig(ctx, s, store); err != nil {
			return err
		}
	}
	return nil
}

func (j *Job) readStoreConfig(ctx context.Context, s stream, store partition) error {
	p, err := j.begin(ctx, s.name, store.code, partFull, time.Time{}, time.Time{})
	if err != nil || p.done {
		return err
	}
	if p.pages == 0 {
		resp, err := j.Client.GetIn(ctx, store.code, s.path, nil)
		if err != nil {
			return p.fail(ctx, err)
		}
		own, all, err := configOf(resp.Body, store.code)
		switch {
		case err != nil:
			return p.fail(ctx, err)
		case all == 0:
			return p.finish(ctx, "") // as a recorded shop answers that has no such records
		case own == nil:
			return p.finish(ctx, "the shop tells the configuration of other stores, and not of "+store.code)
		}
		body := parseFields(s.fields).cut(slices.Concat([]byte("["), own, []byte("]")))
		if err := p.save(ctx, body, 1, ""); err != nil {
			return p.fail(ctx, err)
		}
	}
	return p.finish(ctx, "")
}

// configOf is the configuration of one store among all; nil where it is not there.
func configOf(body []byte, code string) (own json.RawMessage, all int, err error) {
	var list []json.RawMessage
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, 0, fmt.Errorf("the answer is no list: %w", err)
	}
	for _, one := range list {
		var store struct{ Code string }
		if err := json.Unmarshal(one, &store); err != nil {
			return nil, 0, fmt.Errorf("a configuration is no object: %w", err)
		}
		if store.Code == code {
			own = one
		}
	}
	return own, len(list), nil
}

// refusesStores tells an error of a shop that has no filter on store_id for a list, which it answers with 400 or 500
// (magento2#15461), from others: the list answers without the filter, and not with it, for no record at all. Reading such a list
// without the filter would read other stores' records, so magento.store_id is a setting that does not fit the shop.
func (j *Job) refusesStores(ctx context.Context, failure error) error {
	var e *magento.Error
	if len(j.Config.Magento.StoreIDs) == 0 || len(j.stores) == 0 || !errors.As(failure, &e) || e.Kind != magento.BadRequest && e.Kind != magento.ServerError {
		return failure
	}
	i := slices.IndexFunc(streams, func(s stream) bool { return s.path == e.Path && s.byStore && s.column != "" })
	if i < 0 {
		return failure
	}
	s, client := streams[i], j.Client.WithRetries(1)
	none := magento.Criteria{Fields: "items[" + s.key + "],total_count", PageSize: 1, CurrentPage: 1}.
		Where(magento.Filter{Field: s.column, Condition: magento.LtEq, Value: "0"})
	if _, err := client.Get(ctx, s.path, none.Query()); err != nil {
		return failure
	}
	_, err := client.Get(ctx, s.path, j.stores[0].only(none).Query())
	if !errors.As(err, &e) || e.Kind != magento.BadRequest && e.Kind != magento.ServerError {
		return failure
	}
	return &UsageError{fmt.Errorf("the shop refuses to filter %s by store_id, so magento.store_id cannot be used here: "+
		"leave it empty to read all stores, or have the shop's filter mended: %w", s.name, failure)}
}

// MoveBookmarks moves the bookmarks of the streams that are only staged, which a load would move too: for a run file that
// holds all of their windows and may never be loaded (section 6.3, invariant 1). It is called when the run file is finished.
func MoveBookmarks(ctx context.Context, db *sql.DB, runID string, now time.Time) error {
	var staged []string
	for _, s := range streams {
		if s.extra && s.window {
			staged = append(staged, s.name)
		}
	}
	list, err := json.Marshal(staged)
	if err == nil {
		_, err = db.ExecContext(ctx, `INSERT INTO state.bookmarks
			SELECT stream, store_code, window_end, $2, $3 FROM run.streams
			WHERE complete AND part = 'window' AND window_end IS NOT NULL AND stream IN (SELECT unnest(from_json($1, '["VARCHAR"]')))
			ON CONFLICT (stream, store_code) DO UPDATE SET value = greatest(value, excluded.value), run_id = excluded.run_id, moved_at = excluded.moved_at`,
			string(list), runID, now.UTC())
	}
	if err != nil {
		return fmt.Errorf("move the bookmarks: %w", err)
	}
	return nil
}
