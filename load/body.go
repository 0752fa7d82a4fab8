package load

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// body is what is sent. For an order the Magento ids of its lines' products are replaced by Optiply's; missing names a
// product that Optiply does not have yet, for which the order waits (section 7).
func (c change) body(ids map[string]string) (body json.RawMessage, missing string, err error) {
	if c.entity != "sell_orders" {
		return c.attributes, "", nil
	}
	type orderLine struct {
		Quantity      json.Number `json:"quantity"`
		SubtotalValue json.Number `json:"subtotalValue"`
		ProductID     json.Number `json:"productId"`
	}
	var lines []orderLine
	for _, l := range c.lines {
		id, ok := ids[l.Product]
		if !ok {
			return nil, "product " + l.Product + " of one of its lines is not in Optiply yet: its create was rejected or held", nil
		}
		lines = append(lines, orderLine{l.Quantity, l.SubtotalValue, json.Number(id)})
	}
	encoded, err := json.Marshal(lines)
	if err != nil {
		return nil, "", fmt.Errorf("write the lines of order %s: %w", c.remoteID, err)
	}
	head := strings.TrimSuffix(strings.TrimSpace(string(c.attributes)), "}")
	return json.RawMessage(head + `,"orderLines":` + string(encoded) + "}"), "", nil
}

// productIDs looks up the Optiply ids of the products that orders name, by their Magento ids: of several orders at once, since a
// question costs about as much as sending an order.
func (j *Job) productIDs(ctx context.Context, changes []change) (map[string]string, error) {
	wanted := map[string]bool{}
	for _, c := range changes {
		for _, l := range c.lines {
			wanted[l.Product] = true
		}
	}
	ids := map[string]string{}
	if len(wanted) == 0 {
		return ids, nil
	}
	list, err := json.Marshal(slices.Collect(maps.Keys(wanted)))
	if err != nil {
		return nil, fmt.Errorf("look up products at Optiply: %w", err)
	}
	rows, err := j.Run.DB.QueryContext(ctx, `SELECT remote_id, optiply_id FROM state.products WHERE remote_id IN (SELECT unnest(from_json($1, '["VARCHAR"]')))`, string(list))
	if err != nil {
		return nil, fmt.Errorf("look up products at Optiply: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var remoteID, optiplyID string
		if err := rows.Scan(&remoteID, &optiplyID); err != nil {
			return nil, fmt.Errorf("look up products at Optiply: %w", err)
		}
		ids[remoteID] = optiplyID
	}
	return ids, rows.Err()
}
