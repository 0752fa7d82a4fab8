package magentotest

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
)

// conditions are the faults of records that one request meets.
type conditions struct {
	server  *Server
	hidden  map[string]map[int64]bool // by stream
	ties    uint64
	poisons []*scripted
	bitten  *Fault // the poison that the answer would hold
	always  *recorded
}

// conditions gathers what is wrong with the shop's records during this request, after other people had their turn.
func (s *Server) conditions(r *http.Request) *conditions {
	s.between(r)
	c := &conditions{server: s, always: s.shop.recordedIndex()}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, fault := range s.faults {
		if !fault.ofRecords() || fault.Between != nil || !s.matches(fault, r) {
			continue
		}
		if fault.Poison != nil {
			c.poisons = append(c.poisons, fault) // it takes its turn when it is met
			continue
		}
		if !fault.takesTurn() {
			continue
		}
		if fault.UnstableTies {
			s.shuffles++
			c.ties = mix(s.shuffles) | 1
		}
		if fault.Hide != nil {
			c.hide(fault.Hide)
		}
	}
	return c
}

// between lets the hooks change the shop. The lock is taken before the turns are counted, so that they come in order.
func (s *Server) between(r *http.Request) {
	s.mu.Lock()
	any := slices.ContainsFunc(s.faults, func(f *scripted) bool { return f.Between != nil })
	s.mu.Unlock()
	if !any {
		return
	}
	s.hooks.Lock()
	defer s.hooks.Unlock()
	for _, call := range s.turns(r) {
		call()
	}
}

// turns are the hooks that this request meets.
func (s *Server) turns(r *http.Request) (calls []func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, fault := range s.faults {
		if fault.Between != nil && s.matches(fault, r) {
			if n, call := fault.met, fault.Between; fault.takesTurn() {
				calls = append(calls, func() { call(n) })
			}
		}
	}
	return calls
}

func (c *conditions) hide(hide *Hide) {
	record := c.server.shop.record(hide.Stream, Key(hide.Key))
	if record == nil {
		return
	}
	if c.hidden == nil {
		c.hidden = map[string]map[int64]bool{}
	}
	if c.hidden[hide.Stream] == nil {
		c.hidden[hide.Stream] = map[int64]bool{}
	}
	c.hidden[hide.Stream][record.id] = true
}

// record finds a record by its key, unless it is hidden.
func (c *conditions) record(stream, key string) *record {
	return c.unlessHidden(stream, c.server.shop.record(stream, key))
}

// recordByID is record by id.
func (c *conditions) recordByID(stream string, id int64) *record {
	return c.unlessHidden(stream, c.server.shop.recordByID(stream, id))
}

func (c *conditions) unlessHidden(stream string, found *record) *record {
	if found == nil || c.hidden[stream][found.id] || c.always.hides(stream, found.id) {
		return nil
	}
	return found
}

// find asks a stream for what is not hidden.
func (c *conditions) find(stream string, from source, q query) ([]*record, int) {
	q.hidden = c.hidden[stream]
	if always := c.always.from(stream, q.groups); len(q.hidden) == 0 {
		q.hidden = always
	} else {
		maps.Copy(q.hidden, always)
	}
	q.ties = c.ties
	return from.find(q)
}

// holds notes records of the answer; the first that is poisoned breaks it.
func (c *conditions) holds(stream string, records ...*record) {
	for _, poison := range c.poisons {
		if poison.Poison.Stream != stream || c.bitten != nil {
			continue
		}
		for _, r := range records {
			if r.key == Key(poison.Poison.Key) || strconv.FormatInt(r.id, 10) == poison.Poison.Key {
				c.bite(poison)
				break
			}
		}
	}
	for _, r := range records {
		if poison := c.always.broken[[2]string{stream, r.key}]; poison != nil && c.bitten == nil {
			c.bitten = &Fault{Name: "recorded", Poison: poison}
		}
	}
}

func (c *conditions) bite(poison *scripted) {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	if poison.takesTurn() {
		fault := poison.Fault
		c.bitten = &fault
	}
}

// answer is what a poisoned record makes of any answer.
func (p *Poison) answer() *answer {
	if p.Status == 0 {
		return internalError()
	}
	return &answer{status: p.Status, contentType: contentTypeOf(p.Body), body: []byte(p.Body)}
}
