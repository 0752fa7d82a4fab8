package load

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
)

// body is what is sent. For an order the Magento ids of its lines' products are replaced by Optiply's; missing names a
// product that Optiply does not have yet, for which the order waits (section 7).
func (j *Job) body(ctx context.Context, c change) (body json.RawMessage, missing string, err error) {
	if c.entity != "sell_orders" {
		return c.attributes, "", nil
	}
	ids, err := j.productIDs(ctx, c.lines)
	if err != nil {
		return nil, "", err
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

// productIDs looks up the Optiply ids of products by their Magento ids.
func (j *Job) productIDs(ctx context.Context, lines []line) (map[string]string, error) {
	wanted := make([]any, len(lines))
	for i, l := range lines {
		wanted[i] = l.Product
	}
	marks := strings.TrimSuffix(strings.Repeat("?,", len(wanted)), ",")
	rows, err := j.Run.DB.QueryContext(ctx, "SELECT remote_id, optiply_id FROM state.products WHERE remote_id IN ("+marks+")", wanted...)
	if err != nil {
		return nil, fmt.Errorf("look up products at Optiply: %w", err)
	}
	defer rows.Close()
	ids := map[string]string{}
	for rows.Next() {
		var remoteID, optiplyID string
		if err := rows.Scan(&remoteID, &optiplyID); err != nil {
			return nil, fmt.Errorf("look up products at Optiply: %w", err)
		}
		ids[remoteID] = optiplyID
	}
	return ids, rows.Err()
}
