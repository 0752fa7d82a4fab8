package load

import (
	"context"
	"fmt"
	"sync"

	"magento-optiply/optiply"
)

// owners are the things at Optiply that this process knows to be one of the shop's, by their id there.
type owners struct {
	mu   sync.Mutex
	byID map[key]string
}

// take says whether a thing at Optiply is, or becomes, that of a remote id.
func (o *owners) take(entity, optiplyID, remoteID string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	at := key{entity, optiplyID}
	if owner, ok := o.byID[at]; ok {
		return owner == remoteID
	}
	if o.byID == nil {
		o.byID = map[key]string{}
	}
	o.byID[at] = remoteID
	return true
}

// isFree tells whether an object that looks like what a request made belongs to nothing else of the shop. Two orders of the same
// second and value are alike where Optiply does not tell remote ids; the one must not be taken for the other, which would be lost.
func (j *Job) isFree(ctx context.Context, s sending, r *optiply.Resource) (bool, error) {
	var others int
	err := j.Run.DB.QueryRowContext(ctx, `SELECT count(*) FROM (SELECT 'products' AS entity, optiply_id, remote_id FROM state.products
		UNION ALL SELECT 'sell_orders', optiply_id, remote_id FROM state.sell_orders) WHERE entity = ? AND optiply_id = ? AND remote_id <> ?`,
		s.entity, r.ID, s.remoteID).Scan(&others)
	if err != nil {
		return false, fmt.Errorf("look whose %s at Optiply is: %w", r.ID, err)
	}
	return others == 0 && j.owners.take(s.entity, r.ID, s.remoteID), nil
}
