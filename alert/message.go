package alert

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/template"
)

// Message is what a webhook's template is filled from.
type Message struct {
	Shop     string
	RunID    string // empty where the run did not get as far as having one
	ExitCode int
	Verdict  string          // one sentence or two
	Text     string          // the summary, as a person reads it in the log
	Summary  json.RawMessage // the summary, as a program reads it (docs/summary.md)
}

// DefaultBody suits what shows a member called text, as the chats of Slack, Mattermost, Rocket.Chat and Google do.
const DefaultBody = `{"text": {{json (printf "%s: %s" .Shop .Verdict)}}, "shop": {{json .Shop}}, "run_id": {{json .RunID}}, "exit_code": {{.ExitCode}}, "summary": {{json .Summary}}}`

// ParseBody reads a template of text/template that makes a JSON document of a Message; the function json writes a value as
// JSON. Empty: DefaultBody. It is tried out, so that a mistake is found when the configuration is read and not at night.
func ParseBody(text string) (*template.Template, error) {
	if text == "" {
		text = DefaultBody
	}
	t, err := template.New("body").Option("missingkey=error").Funcs(template.FuncMap{"json": asJSON}).Parse(text)
	if err != nil {
		return nil, err
	}
	_, err = Body(t, Message{Shop: "demo", RunID: "20261123T020000Z", ExitCode: 3, Verdict: `A "quoted" sentence.`, Text: "two\nlines", Summary: json.RawMessage(`{"exit_code":3}`)})
	return t, err
}

// Body fills a template.
func Body(t *template.Template, m Message) ([]byte, error) {
	if len(m.Summary) == 0 {
		m.Summary = json.RawMessage("null")
	}
	var b bytes.Buffer
	if err := t.Execute(&b, m); err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(b.Bytes()))
	var document any
	if err := decoder.Decode(&document); err != nil {
		return nil, fmt.Errorf("what it makes is no JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("what it makes is more than one JSON document")
	}
	return b.Bytes(), nil
}

func asJSON(value any) (string, error) {
	text, err := json.Marshal(value)
	return string(text), err
}
