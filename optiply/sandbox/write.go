package sandbox

import (
	"maps"
	"net/http"

	"github.com/google/uuid"
)

func (s *Sandbox) create(k *kind, base string, r *http.Request, body []byte) (answer, *problem) {
	c, where, p := s.readWrite(k, "", r, body)
	if p != nil {
		return answer{}, p
	}
	values := c.values
	values["accountId"] = where.account
	values["remoteIdMap"] = map[string]string{}
	s.stamp(values, true)
	s.setRemoteID(values, map[string]string{}, c, where)

	return s.commit(func() (entry, *problem) {
		if p := s.references(values, where.account); p != nil {
			return entry{}, p
		}
		e := entry{Op: opCreate, Type: k.name, ID: s.state.tables[k.name].last + 1, values: values}
		line := s.state.tables[kindSellOrderLines].last
		for _, inline := range c.lines {
			if p := s.references(inline, where.account); p != nil { // the whole order fails (seen)
				return entry{}, p
			}
			line++
			inline["sellOrderId"], inline["accountId"] = e.ID, where.account
			inline["remoteIdMap"] = map[string]string{}
			s.stamp(inline, true)
			e.Lines = append(e.Lines, lineEntry{ID: line, values: inline})
		}
		return e, nil
	}, http.StatusCreated, base)
}

func (s *Sandbox) update(k *kind, id int64, base string, r *http.Request, body []byte) (answer, *problem) {
	c, where, p := s.readWrite(k, formatID(id), r, body)
	if p != nil {
		return answer{}, p
	}
	return s.commit(func() (entry, *problem) {
		old, p := s.existing(k, id, where)
		if p != nil {
			return entry{}, p
		}
		if p := s.references(c.values, old.account()); p != nil {
			return entry{}, p
		}
		remote, _ := old.values["remoteIdMap"].(map[string]string)
		s.stamp(c.values, false)
		s.setRemoteID(c.values, remote, c, where)
		return entry{Op: opUpdate, Type: k.name, ID: id, values: c.values}, nil
	}, http.StatusOK, base)
}

func (s *Sandbox) delete(k *kind, id int64, r *http.Request) (answer, *problem) {
	if k.readOnly {
		return answer{}, wrongMethod(r.Method)
	}
	where, p := parseScope(r.Method, r.URL.Query().Get)
	if p != nil {
		return answer{}, p
	}
	return s.commit(func() (entry, *problem) {
		if _, p := s.existing(k, id, where); p != nil {
			return entry{}, p
		}
		if k == products && s.state.productInUse(id) { // what the real one does is not known; this loses no sales
			return entry{}, refuse(http.StatusConflict, "product %d has order lines", id)
		}
		return entry{Op: opDelete, Type: k.name, ID: id}, nil
	}, http.StatusNoContent, "")
}

// readWrite checks all of a create or update that can be checked without looking at what is stored.
func (s *Sandbox) readWrite(k *kind, id string, r *http.Request, body []byte) (content, scope, *problem) {
	if k.readOnly {
		return content{}, scope{}, wrongMethod(r.Method)
	}
	where, p := parseScope(r.Method, r.URL.Query().Get)
	if p != nil {
		return content{}, scope{}, p
	}
	if s.opts.AccountID != 0 && where.account != 0 && where.account != s.opts.AccountID {
		return content{}, scope{}, refuse(http.StatusForbidden, "no access to account %d", where.account)
	}
	c, p := parseBody(k, id, body)
	if p == nil && c.syncStamp && where.coupling == "" {
		p = refuse(http.StatusBadRequest, "remoteId and remoteDataSyncedToDate need couplingId")
	}
	return c, where, p
}

func (s *Sandbox) existing(k *kind, id int64, where scope) (*record, *problem) {
	r, ok := s.state.find(k.name, id)
	if !ok || where.account != 0 && r.account() != where.account {
		return nil, notFound(k.name + " " + formatID(id))
	}
	return r, nil
}

// references checks that what is referred to exists in the same account: 404 when it does not (seen for sell orders).
func (s *Sandbox) references(values map[string]any, account int64) *problem {
	for _, a := range sellOrderLines.attributes {
		id, sent := values[a.name].(int64)
		if a.refers == "" || !sent {
			continue
		}
		if r, ok := s.state.find(a.refers, id); !ok || r.account() != account {
			return notFound(a.refers + " " + formatID(id))
		}
	}
	return nil
}

// stamp sets what the server sets.
func (s *Sandbox) stamp(values map[string]any, create bool) {
	now := s.opts.Now().UTC().Format(momentForm)
	values["updatedAt"] = now
	if create {
		values["createdAt"], values["uuid"], values["createdFromPublicApi"] = now, uuid.NewString(), true
	}
}

// setRemoteID keeps the remote id under its coupling. Nothing is checked for uniqueness (none is documented), so that a
// create sent twice shows as two rows.
func (s *Sandbox) setRemoteID(values map[string]any, old map[string]string, c content, where scope) {
	if c.remoteID == nil {
		return
	}
	ids := map[string]string{}
	maps.Copy(ids, old)
	if ids[where.coupling] = *c.remoteID; *c.remoteID == "" {
		delete(ids, where.coupling)
	}
	values["remoteIdMap"] = ids
}

// commit makes one write under the lock, and answers once its journal line is durable.
func (s *Sandbox) commit(prepare func() (entry, *problem), status int, base string) (answer, *problem) {
	s.mu.Lock()
	e, p := prepare()
	if p != nil {
		s.mu.Unlock()
		return answer{}, p
	}
	e.At = s.opts.Now().UTC().Format(momentForm)
	seq, err := s.journal.append(e)
	if err == nil {
		err = s.state.apply(e)
	}
	stored, found := s.state.find(e.Type, e.ID)
	s.mu.Unlock()
	if err == nil {
		err = s.journal.sync(seq)
	}
	if err != nil {
		return answer{}, refuse(http.StatusInternalServerError, "%v", err)
	}
	if !found {
		return answer{status: status, applied: true}, nil
	}
	a := jsonAnswer(status, map[string]any{"data": object(stored, base)})
	a.applied = true
	return a, nil
}
