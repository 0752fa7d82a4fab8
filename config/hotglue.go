package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// HotglueFile is a settings file of the tap (config.json) or of the notebook (tenant-config.json).
type HotglueFile struct {
	Name string
	Data []byte
}

// Translation is what such files become here.
type Translation struct {
	Values  map[string]string // settings by name; none of them a secret
	Secrets map[string]Secret // secret settings by name
	Taken   int               // keys that were translated
	Notes   []Note            // keys that were not, or that mean something else here
}

// Note is a key of a file and what became of it. It holds no value that could be a secret.
type Note struct{ File, Key, Text string }

// JSONError is a file that is no JSON, with the place.
type JSONError struct {
	File         string
	Line, Column int
	Err          error
}

func (e *JSONError) Error() string {
	return fmt.Sprintf("%s:%d:%d: this is not JSON: %v", e.File, e.Line, e.Column, e.Err)
}

func (e *JSONError) Unwrap() error { return e.Err }

// FromHotglue translates settings files. What a later file says counts: the notebook's flags decide over the tap's.
func FromHotglue(files ...HotglueFile) (*Translation, error) {
	t := &translator{Translation: &Translation{Values: map[string]string{}, Secrets: map[string]Secret{}}, from: map[string]string{}}
	for _, f := range files {
		object, err := readObject(f)
		if err != nil {
			return nil, err
		}
		t.file = f.Name
		t.object("", object)
	}
	t.settle()
	sortNotes(t.Notes)
	return t.Translation, nil
}

func readObject(f HotglueFile) (map[string]any, error) {
	data := bytes.TrimPrefix(f.Data, []byte("\xef\xbb\xbf"))
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var object map[string]any
	err := d.Decode(&object)
	at := d.InputOffset()
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			at, err = d.InputOffset(), errors.New("there is more behind the object")
		}
	}
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case err == nil && object != nil:
		return object, nil
	case err == nil:
		err = errors.New("it is null, and not an object of settings")
	case errors.As(err, &syntax):
		at = syntax.Offset
	case errors.As(err, &kind):
		at, err = kind.Offset, errors.New("it is no object of settings")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		at, err = int64(len(data))+1, errors.New("it ends too soon")
	}
	line, column := position(data, at)
	return nil, &JSONError{File: f.Name, Line: line, Column: column, Err: err}
}

// position is the line and column of the byte before an offset.
func position(data []byte, offset int64) (line, column int) {
	before := data[:min(max(offset-1, 0), int64(len(data)))]
	return 1 + bytes.Count(before, []byte("\n")), len(before) - bytes.LastIndexByte(before, '\n')
}

type translator struct {
	*Translation
	file  string
	from  map[string]string // where a setting's value came from: file and key
	delay float64           // seconds that the tap waited before each request
	all   bool              // fetch_all_stores
}

func (t *translator) note(key, format string, args ...any) {
	t.Notes = append(t.Notes, Note{t.file, key, fmt.Sprintf(format, args...)})
}

// object goes through an object's keys. Settings may stand in objects of any name, such as flags.
func (t *translator) object(prefix string, object map[string]any) {
	ofOptiply := isOptiplys(object)
	for _, key := range slices.Sorted(maps.Keys(object)) {
		value := object[key]
		name := prefix + key
		if inner, ok := value.(map[string]any); ok && key != "custom_cookies" {
			t.object(name+".", inner)
			continue
		}
		if value == nil || value == "" {
			continue // as if it were not there: the default
		}
		if ofOptiply {
			if rule, ok := optiplyKeys[key]; ok {
				t.apply(name, value, rule)
				continue
			}
		}
		rule, ok := hotglueKeys[key]
		if !ok {
			rule, ok = optiplyKeys[key]
		}
		if !ok {
			t.note(name, "there is no such setting here")
			continue
		}
		t.apply(name, value, rule)
	}
	if !ofOptiply && object["store_url"] != nil && object["client_id"] != nil && object["username"] != nil {
		t.note(prefix+"username", "username and password are taken for Magento's, because store_url stands beside them; Optiply's own are still to be given")
	}
}

// isOptiplys tells Optiply's credentials from Magento's: both have a username and a password.
func isOptiplys(object map[string]any) bool {
	if object["store_url"] != nil || object["consumer_key"] != nil {
		return false
	}
	for _, key := range []string{"client_id", "client_secret", "account_id", "couplingId", "coupling_id"} {
		if object[key] != nil {
			return true
		}
	}
	return false
}

// hotglueRule says what becomes of a key.
type hotglueRule struct {
	setting string // that it becomes
	as      func(any) (string, error)
	special func(t *translator, key string, value any)
	lost    string // why it is not taken over
}

func (t *translator) apply(key string, value any, rule hotglueRule) {
	switch {
	case rule.lost != "":
		t.note(key, "%s", rule.lost)
	case rule.special != nil:
		rule.special(t, key, value)
	default:
		text, err := rule.as(value)
		if err != nil {
			t.note(key, "%v; %s keeps its default", err, rule.setting)
			return
		}
		t.take(key, rule.setting, text)
	}
}

// take gives a setting its value, if that is one which it can have.
func (t *translator) take(key, setting, text string) {
	if err := CheckSetting(setting, text); err != nil {
		t.note(key, "%s %v; it keeps its default", setting, err)
		return
	}
	if was, twice := t.from[setting]; twice && (t.Values[setting] != text && !IsSecret(setting) || IsSecret(setting) && t.Secrets[setting] != Secret(text)) {
		t.note(key, "%s has another value; this one counts", was)
	}
	t.from[setting] = t.file + ": " + key
	t.Taken++
	if IsSecret(setting) {
		t.Secrets[setting] = Secret(text)
		return
	}
	t.Values[setting] = text
}

// settle does what takes several keys together.
func (t *translator) settle() {
	if t.delay > 0 {
		t.Values["magento.requests_per_second"] = strconv.FormatFloat(1/t.delay, 'g', 3, 64)
	}
	if t.all && t.Values["magento.store_id"] != "" {
		delete(t.Values, "magento.store_id")
	}
}

// asText takes what a person would take for the same text: files of the kind have "300" for 300.
func asText(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return strings.TrimSpace(v), nil
	case json.Number:
		return v.String(), nil
	case bool:
		return strconv.FormatBool(v), nil
	}
	return "", errors.New("it is no single value")
}

// asSecret leaves the text as it is.
func asSecret(value any) (string, error) {
	if text, ok := value.(string); ok {
		return text, nil
	}
	return asText(value)
}

func asBoolean(value any) (string, error) {
	text, err := asText(value)
	switch strings.ToLower(text) {
	case "true", "1", "yes", "y", "on":
		return "true", err
	case "false", "0", "no", "n", "off":
		return "false", err
	}
	return "", errors.New("it is neither true nor false")
}

// asWhole takes 300, "300" and 300.0.
func asWhole(value any) (string, error) {
	text, err := asText(value)
	if err != nil {
		return "", err
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil && f == float64(int64(f)) {
		if _, err := strconv.ParseInt(text, 10, 64); err != nil {
			text = strconv.FormatInt(int64(f), 10)
		}
		return text, nil
	}
	return "", errors.New("it is no whole number")
}

// asList takes a list, a single value, or one with commas, also in brackets as a list is printed.
func asList(value any) (string, error) {
	items, ok := value.([]any)
	if !ok {
		text, err := asText(value)
		return strings.NewReplacer("[", "", "]", "", `"`, "", "'", "").Replace(text), err
	}
	var texts []string
	for _, item := range items {
		text, err := asText(item)
		if err != nil {
			return "", errors.New("it is no list of single values")
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, ","), nil
}

// asTime takes times with and without a zone; without one they are UTC.
func asTime(value any) (string, error) {
	text, err := asText(value)
	if err != nil {
		return "", err
	}
	for _, layout := range []string{time.DateOnly, time.DateTime, time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04:05.999999", "2006-01-02T15:04:05Z0700", "2006-01-02 15:04:05Z07:00"} {
		if at, err := time.Parse(layout, text); err == nil {
			if at = at.UTC(); at.Equal(at.Truncate(24 * time.Hour)) {
				return at.Format(time.DateOnly), nil
			}
			return at.Format(time.RFC3339), nil
		}
	}
	return "", errors.New("it is no time that can be read")
}
