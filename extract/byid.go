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

// idsPerRequest bounds a filter `entity_id in (...)`, so that the address stays short enough for any server.
const idsPerRequest = 100

// byID is a question for records by their ids.
type byID struct {
	stream, path, idField, fields string
	store                         partition // only what is sold there; the zero value asks for all
	ids                           []string
	// looked hears after each request which ids were asked for and which of them were found; nil: nobody wants to know.
	looked func(asked []string, found map[string]bool) error
}

// readByID reads records by their ids, as many of them as there are.
func (j *Job) readByID(ctx context.Context, q byID) error {
	if len(q.ids) == 0 {
		// A killed extraction may have read the last of them, and not have said so.
		_, err := j.Run.DB.ExecContext(ctx, "UPDATE run.streams SET complete = true, reason = NULL WHERE stream = ? AND store_code = ? AND part = ?",
			q.stream, q.store.code, partIDs)
		return err
	}
	p, err := j.begin(ctx, q.stream, q.store.code, partIDs, time.Time{}, time.Time{})
	if err != nil || p.done {
		return err
	}
	j.Progress.Begin(q.stream, int64(len(q.ids)))
	defer j.Progress.End(q.stream)
	if err := p.readIDs(ctx, q); err != nil {
		return p.fail(ctx, err)
	}
	if err := p.countQuarantined(ctx); err != nil {
		return err
	}
	return p.finish(ctx, tally{quarantined: p.quarantined}.short("records"))
}

// broken tells an error that one record can be to blame for: 500 for ever, or the 404 of an order whose product was deleted.
func broken(err error) bool {
	var e *magento.Error
	return errors.As(err, &e) && (e.Kind == magento.ServerError || e.Kind == magento.NotFound)
}

// quarantineID names one record, after the list has answered for none: a shop that is down breaks no record.
func (p *part) quarantineID(ctx context.Context, q byID, id string, cause error) error {
	none := magento.Criteria{Fields: q.fields, PageSize: 1, CurrentPage: 1}.Where(magento.Filter{Field: "entity_id", Condition: magento.LtEq, Value: "0"})
	if _, _, err := p.job.get(ctx, q.path, none.Query(), q.idField); err != nil {
		return cause
	}
	number, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return cause
	}
	return p.quarantine(ctx, number)
}

// readIDs halves a question that the shop answers 500 for until the record to blame is alone, and quarantines that one.
func (p *part) readIDs(ctx context.Context, q byID) error {
	client, most := p.job.Client, idsPerRequest
	for size := most; len(q.ids) > 0; {
		ids := q.ids[:min(size, len(q.ids))]
		c := q.store.only(magento.Criteria{Fields: q.fields, PageSize: len(ids), CurrentPage: 1}.
			Where(magento.Filter{Field: "entity_id", Condition: magento.In, Value: strings.Join(ids, ",")})).OrderBy("entity_id", false)
		resp, page, err := p.job.getWith(ctx, client, q.path, c.Query(), q.idField)
		if smaller, ok := smallerPage(err, len(ids)); ok {
			size, most = smaller, smaller
			continue
		}
		if broken(err) {
			if client = p.job.Client.WithRetries(1); len(ids) > 1 {
				size = (len(ids) + 1) / 2
				continue
			}
			if err := p.quarantineID(ctx, q, ids[0], err); err != nil {
				return err
			}
			q.ids = q.ids[1:]
			continue
		}
		if err != nil {
			return err
		}
		size, client = min(2*size, most), p.job.Client
		found, err := idsOf(resp.Body, q.idField)
		if err != nil {
			return err
		}
		if page.Count > 0 {
			if err := p.save(ctx, resp.Body, page.Count, ""); err != nil {
				return err
			}
		}
		if q.looked != nil {
			if err := q.looked(ids, found); err != nil {
				return err
			}
		}
		q.ids = q.ids[len(ids):]
	}
	return nil
}

// idsOf are the ids on a page.
func idsOf(body []byte, idField string) (map[string]bool, error) {
	var list struct {
		Items []map[string]json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(body, &list); err != nil {
		return nil, err
	}
	ids := map[string]bool{}
	for _, item := range list.Items {
		id := strings.Trim(string(item[idField]), `"`)
		if _, err := strconv.ParseInt(id, 10, 64); err != nil {
			return nil, fmt.Errorf("an item has no %s that is a number", idField)
		}
		ids[id] = true
	}
	return ids, nil
}

// column runs a query of one text column.
func (j *Job) column(ctx context.Context, query string, args ...any) ([]string, error) {
	rows, err := j.Run.DB.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var values []string
	for rows.Next() {
		var v string
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		values = append(values, v)
	}
	return values, rows.Err()
}
