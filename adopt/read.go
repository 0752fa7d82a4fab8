package adopt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"magento-optiply/optiply"
)

// mostPasses is how often a listing is read whose count does not fit because somebody writes to the account meanwhile.
const mostPasses = 3

// ErrChanging means that the account changed during each reading, so that it cannot be said what it holds.
var ErrChanging = errors.New("another program writes to it: let that end, then run `adopt` again")

// batchRows is how many resources go into the database at once.
const batchRows = 500

// readAll reads every resource of a kind into adopt.there. What was read has to be as many as Optiply counts.
func (j *Job) readAll(ctx context.Context, entity, kind string) error {
	var read, counted int64
	for range mostPasses {
		if _, err := j.conn.ExecContext(ctx, "DELETE FROM adopt.there WHERE entity = ?", entity); err != nil {
			return err
		}
		total, exact, err := j.Client.Count(ctx, kind)
		if err != nil {
			return fmt.Errorf("count Optiply's %s: %w", entity, err)
		}
		if !exact {
			total = 0 // not known
		}
		if read, err = j.pass(ctx, entity, kind, total); err != nil {
			return fmt.Errorf("read Optiply's %s: %w", entity, err)
		}
		if counted, exact, err = j.Client.Count(ctx, kind); err != nil {
			return fmt.Errorf("count Optiply's %s: %w", entity, err)
		}
		if !exact {
			j.Log.Warn("Optiply does not tell how many there are, so it is not proven that all were read", "entity", entity, "read", read)
			return nil
		}
		if read == counted {
			return nil
		}
		j.Log.Warn("the number of what was read is not what Optiply counts; it is read again", "entity", entity, "read", read, "counted", counted)
	}
	return fmt.Errorf("read Optiply's %s: %d were read and %d are counted: %w", entity, read, counted, ErrChanging)
}

// resource is a row of adopt.there.
type resource struct {
	OptiplyID  string  `json:"optiply_id"`
	UUID       *string `json:"uuid"`
	RemoteID   *string `json:"remote_id"`
	Attributes string  `json:"attributes"`
}

// pass reads a listing once.
func (j *Job) pass(ctx context.Context, entity, kind string, total int64) (read int64, err error) {
	name := stepName(entity)
	j.Progress.Begin(name, total)
	defer j.Progress.End(name)
	var batch []resource
	for r, err := range j.Client.All(ctx, kind) {
		if err != nil {
			return read, err
		}
		if batch = append(batch, j.resource(r)); len(batch) == batchRows {
			if err := j.keep(ctx, entity, batch); err != nil {
				return read, err
			}
			batch = batch[:0]
		}
		read++
		j.Progress.Add(name, 1)
	}
	return read, j.keep(ctx, entity, batch)
}

// resource is what is kept of an answer.
func (j *Job) resource(r *optiply.Resource) resource {
	row := resource{OptiplyID: r.ID, Attributes: string(r.Attributes)}
	if r.UUID != "" {
		row.UUID = &r.UUID
	}
	if id, ok := r.RemoteID(j.CouplingID); ok && id != "" {
		row.RemoteID = &id
	}
	return row
}

func (j *Job) keep(ctx context.Context, entity string, batch []resource) error {
	list, err := json.Marshal(batch)
	if err != nil {
		return err
	}
	_, err = j.conn.ExecContext(ctx, `INSERT INTO adopt.there BY NAME SELECT $1 AS entity, unnest(from_json($2,
		'[{"optiply_id": "VARCHAR", "uuid": "VARCHAR", "remote_id": "VARCHAR", "attributes": "VARCHAR"}]'), recursive := true)`, entity, string(list))
	if err != nil {
		return fmt.Errorf("keep what Optiply answered: %w", err)
	}
	return nil
}

func (j *Job) keepSnapshot(ctx context.Context) error {
	list, err := json.Marshal(append([]Row{}, j.Snapshot...))
	if err != nil {
		return err
	}
	_, err = j.conn.ExecContext(ctx, `INSERT INTO adopt.snapshot BY NAME SELECT unnest(from_json($1,
		'[{"entity": "VARCHAR", "remote_id": "VARCHAR", "optiply_id": "VARCHAR", "place": "VARCHAR"}]'), recursive := true)`, string(list))
	if err != nil {
		return fmt.Errorf("keep the snapshot: %w", err)
	}
	return nil
}

// Empty tells whether the account of a client holds neither products nor sell orders. It is two cheap requests.
func Empty(ctx context.Context, client *optiply.Client) (bool, error) {
	for _, kind := range []string{optiply.Products, optiply.SellOrders} {
		n, _, err := client.Count(ctx, kind)
		if err != nil {
			return false, fmt.Errorf("look whether the Optiply account is empty: %w", err)
		}
		if n > 0 {
			return false, nil
		}
	}
	return true, nil
}
