package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
)

// problem is a refusal: the status and what section 5 of the contract puts into errors[].
type problem struct {
	status   int
	messages []string
}

func (p *problem) Error() string { return fmt.Sprint(p.status, " ", p.messages) }

func refuse(status int, format string, args ...any) *problem {
	return &problem{status: status, messages: []string{fmt.Sprintf(format, args...)}}
}

// content is a write's body, checked and in stored form.
type content struct {
	values    map[string]any
	remoteID  *string // nil: not in the body; empty: null
	hasLines  bool
	lines     []map[string]any
	syncStamp bool // an attribute that needs couplingId is in the body
}

// parseBody reads {"data": {"type": ..., "attributes": {...}}}. Members that are not documented are refused, so that a
// client's slip shows.
func parseBody(k *kind, id string, body []byte) (content, *problem) {
	var doc struct {
		Data *struct {
			ID         json.RawMessage            `json:"id"`
			Type       string                     `json:"type"`
			Attributes map[string]json.RawMessage `json:"attributes"`
		} `json:"data"`
	}
	if err := strict(body, &doc); err != nil {
		return content{}, refuse(http.StatusBadRequest, "cannot read the body: %v", err)
	}
	switch {
	case doc.Data == nil:
		return content{}, refuse(http.StatusBadRequest, "data is missing")
	case doc.Data.Type != k.name:
		return content{}, refuse(http.StatusBadRequest, "type must be %s", k.name)
	case doc.Data.ID != nil && plainID(doc.Data.ID) != id: // optional on an update; on a create the server gives it
		return content{}, refuse(http.StatusBadRequest, "id does not fit the address")
	case doc.Data.Attributes == nil:
		return content{}, refuse(http.StatusBadRequest, "attributes are missing")
	}
	return parseAttributes(k, doc.Data.Attributes, id == "")
}

func plainID(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

func parseAttributes(k *kind, sent map[string]json.RawMessage, create bool) (content, *problem) {
	c := content{values: map[string]any{}}
	var wrong []string
	for _, name := range slices.Sorted(maps.Keys(sent)) {
		err := c.take(k, name, sent[name], create)
		if errors.Is(err, errCrash) {
			return content{}, refuse(http.StatusInternalServerError, "%v", err)
		}
		if err != nil {
			wrong = append(wrong, err.Error())
		}
	}
	if create {
		wrong = append(wrong, c.complete(k)...)
	}
	if len(wrong) > 0 {
		return content{}, &problem{status: http.StatusBadRequest, messages: wrong}
	}
	return c, nil
}

func (c *content) take(k *kind, name string, raw json.RawMessage, create bool) error {
	switch {
	case name == "remoteId":
		return c.takeRemoteID(raw)
	case name == "orderLines" && k.withLines && create: // on an update it is not documented
		return c.takeLines(raw)
	}
	a, ok := k.attribute(name)
	if !ok || a.fixed {
		return fmt.Errorf("%s cannot be set on %s", name, k.name)
	}
	v, err := a.parse(raw)
	c.values[name] = v
	c.syncStamp = c.syncStamp || a.coupled
	return err
}

func (c *content) takeRemoteID(raw json.RawMessage) error {
	v, err := attribute{name: "remoteId", form: text, longest: 255}.parse(raw)
	if err != nil {
		return err
	}
	s, _ := v.(string)
	c.remoteID, c.syncStamp = &s, true
	return nil
}

// takeLines reads the flat array of plain objects (seen); type and attributes around a line are refused, as they were
// when a client sent them.
func (c *content) takeLines(raw json.RawMessage) error {
	var lines []map[string]json.RawMessage
	if err := json.Unmarshal(raw, &lines); err != nil || lines == nil {
		return errors.New("orderLines must be an array of objects")
	}
	c.hasLines = true
	for i, line := range lines {
		values := map[string]any{}
		for _, name := range slices.Sorted(maps.Keys(line)) {
			if !slices.Contains(inlineLine, name) {
				return fmt.Errorf("orderLines[%d].%s cannot be set", i, name)
			}
			a, _ := sellOrderLines.attribute(name)
			v, err := a.parse(line[name])
			if err != nil {
				return fmt.Errorf("orderLines[%d].%w", i, err)
			}
			values[name] = v
		}
		for _, name := range inlineLine {
			if _, ok := values[name]; !ok {
				return fmt.Errorf("orderLines[%d].%s is mandatory", i, name)
			}
		}
		c.lines = append(c.lines, values)
	}
	return nil
}

// complete fills in what a create leaves out, and names what it must not.
func (c *content) complete(k *kind) (missing []string) {
	for _, a := range k.attributes {
		if _, sent := c.values[a.name]; sent || a.fixed {
			continue
		}
		if a.required {
			missing = append(missing, a.name+" is mandatory")
		}
		c.values[a.name] = a.initial
	}
	return missing
}

// scope is what the query of a write says: the account, and the coupling that remote ids belong to.
type scope struct {
	account  int64
	coupling string
}

// parseScope reads accountId and couplingId. Every client sends accountId with a create (seen); an update or delete
// works without (seen), and then means whatever account the resource has.
func parseScope(method string, get func(string) string) (scope, *problem) {
	s := scope{coupling: get("couplingId")}
	account := get("accountId")
	if account == "" && method == http.MethodPost {
		return scope{}, refuse(http.StatusBadRequest, "accountId is mandatory")
	}
	if account != "" {
		n, err := strconv.ParseInt(account, 10, 64)
		if err != nil {
			return scope{}, refuse(http.StatusBadRequest, "accountId must be a number")
		}
		s.account = n
	}
	if s.coupling != "" && !digits.MatchString(s.coupling) {
		return scope{}, refuse(http.StatusBadRequest, "couplingId must be a number")
	}
	return s, nil
}
