package extract

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
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
	alone                         bool // the shop answers path/{id} too
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
	reason, err := p.readIDs(ctx, q)
	if err != nil {
		return p.fail(ctx, err)
	}
	if err := p.countQuarantined(ctx); err != nil {
		return err
	}
	if reason == "" {
		reason = tally{quarantined: p.quarantined}.short("records")
	}
	return p.finish(ctx, reason)
}

// broken tells an error that one record can be to blame for: 500 for ever, a message or anything else instead of the page, or
// the 404 of an order whose product was deleted.
func broken(err error) bool {
	var e *magento.Error
	return errors.As(err, &e) && slices.Contains([]magento.Kind{magento.ServerError, magento.NotFound, magento.MessageOnly, magento.BadJSON, magento.BadShape}, e.Kind)
}

// tooMuch tells an error against which fewer ids at a time can help.
func tooMuch(err error) bool {
	var e *magento.Error
	return errors.As(err, &e) && e.TooMuch()
}

// readIDs halves a question that the shop does not answer until the record to blame is alone, and quarantines that one; a
// question that is too much for the shop is only made smaller. reason is why records were not asked for.
func (p *part) readIDs(ctx context.Context, q byID) (reason string, err error) {
	client, most := p.job.Client, idsPerRequest
	for size := most; len(q.ids) > 0; {
		ids := q.ids[:min(size, len(q.ids))]
		body, found, err := p.askIDs(ctx, client, q, ids)
		if smaller, ok := smallerPage(err, len(ids)); ok {
			size, most = smaller, smaller
			continue
		}
		if many := len(ids) > 1; many && (broken(err) || tooMuch(err)) {
			client, size = p.job.Client.WithRetries(1), (len(ids)+1)/2
			if tooMuch(err) {
				most = size
			}
			continue
		}
		switch {
		case p.refusesIDs(ctx, q, err):
			return p.readWithoutIDs(ctx, q, err)
		case broken(err):
			if err := p.quarantineID(ctx, q, ids[0], err); err != nil {
				return "", err
			}
			q.ids = q.ids[1:]
			continue
		case err != nil:
			return "", err
		}
		size, client = min(2*size, most), p.job.Client
		if len(found) > 0 {
			if err := p.save(ctx, body, len(found), ""); err != nil {
				return "", err
			}
		}
		if q.looked != nil {
			if err := p.job.Run.KeepPages(ctx); err != nil { // before it is told what they hold
				return "", err
			}
			if err := q.looked(ids, found); err != nil {
				return "", err
			}
		}
		q.ids = q.ids[len(ids):]
	}
	return "", nil
}

// askIDs asks for some records. An answer with a record that was not asked for proves nothing about those that were: the shop
// ignores the filter.
func (p *part) askIDs(ctx context.Context, client *magento.Client, q byID, ids []string) (body []byte, found map[string]bool, err error) {
	c := q.store.only(magento.Criteria{Fields: q.fields, PageSize: len(ids), CurrentPage: 1}.
		Where(magento.Filter{Field: "entity_id", Condition: magento.In, Value: strings.Join(ids, ",")})).OrderBy("entity_id", false)
	resp, _, err := p.job.getWith(ctx, client, q.path, c.Query(), q.idField)
	if err != nil {
		return nil, nil, err
	}
	if found, err = idsOf(resp.Body, q.idField); err != nil {
		return nil, nil, err
	}
	for id := range found {
		if !slices.Contains(ids, id) {
			return nil, nil, notAskedFor(q.path, id)
		}
	}
	return resp.Body, found, nil
}

func notAskedFor(path, id string) *magento.Error {
	return &magento.Error{Kind: magento.NotInOrder, Method: "GET", Path: path, Message: "asked for records by their ids, got " + id + ", which is none of them"}
}

// refusesIDs tells a shop that ignores a filter on ids, or answers it with an error, from one that cannot answer for a record:
// it answers the same list without that filter, and not with it, even for no record at all.
func (p *part) refusesIDs(ctx context.Context, q byID, failure error) bool {
	var e *magento.Error
	switch {
	case !errors.As(failure, &e):
		return false
	case e.Kind == magento.NotInOrder:
		return true
	case e.Kind != magento.BadRequest && e.Kind != magento.ServerError:
		return false
	}
	return p.answersForNone(ctx, q) != nil && p.answersUnfiltered(ctx, q) == nil
}

func (p *part) answersForNone(ctx context.Context, q byID) error {
	none := magento.Criteria{Fields: q.fields, PageSize: 1, CurrentPage: 1}.Where(magento.Filter{Field: "entity_id", Condition: magento.LtEq, Value: "0"})
	_, _, err := p.job.getWith(ctx, p.job.Client.WithRetries(1), q.path, none.Query(), q.idField)
	return err
}

func (p *part) answersUnfiltered(ctx context.Context, q byID) error {
	any := q.store.only(magento.Criteria{Fields: q.fields, PageSize: 1, CurrentPage: 1})
	_, _, err := p.job.getWith(ctx, p.job.Client.WithRetries(1), q.path, any.Query(), q.idField)
	return err
}

// quarantineID names one record, after the list has answered for none: a shop that is down breaks no record.
func (p *part) quarantineID(ctx context.Context, q byID, id string, cause error) error {
	if p.answersForNone(ctx, q) != nil {
		return cause
	}
	number, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return cause
	}
	return p.quarantine(ctx, number)
}

// readWithoutIDs is for a shop that has no filter on ids (section 6.1): orders have an address each. Nothing else has, so that
// products are named, which keeps them and the orders that need them waiting until the listing is read whole; and what was to be
// looked for again was not, so that it is not disabled.
func (p *part) readWithoutIDs(ctx context.Context, q byID, cause error) (reason string, err error) {
	p.job.Log.Warn("the shop does not filter by id", "stream", p.stream, "records", len(q.ids), "error", cause)
	if q.looked != nil {
		return fmt.Sprintf("the shop does not filter by id, so it could not be asked for %d records once more", len(q.ids)), nil
	}
	for _, id := range q.ids {
		if q.alone {
			err = p.readAlone(ctx, q, id)
		} else {
			err = p.nameQuarantined(ctx, id, "the shop does not filter by id, so it could not be asked for this one")
		}
		if err != nil {
			return "", err
		}
	}
	return "", nil
}

// readAlone reads one record from its own address. A 404 there can be about the record or about a product in it, so it is no
// proof that the record is gone.
func (p *part) readAlone(ctx context.Context, q byID, id string) error {
	fields := strings.TrimSuffix(strings.TrimPrefix(q.fields, "items["), "],total_count")
	resp, err := p.job.Client.Get(ctx, q.path+"/"+id, magento.Query{{Name: "fields", Value: fields}})
	if broken(err) {
		if p.answersUnfiltered(ctx, q) != nil {
			return err
		}
		number, nerr := strconv.ParseInt(id, 10, 64)
		if nerr != nil {
			return err
		}
		return p.quarantine(ctx, number)
	}
	if err != nil {
		return err
	}
	body := slices.Concat([]byte(`{"items":[`), parseFields(fields).cut(resp.Body), []byte(`],"total_count":1}`))
	if found, err := idsOf(body, q.idField); err != nil || !found[id] {
		return errors.Join(err, fmt.Errorf("asked for %s %s, got another", p.stream, id))
	}
	return p.save(ctx, body, 1, "")
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
	if err := j.Run.KeepPages(ctx); err != nil {
		return nil, err
	}
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
