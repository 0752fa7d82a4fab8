package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"magento-optiply/config"
)

// question is what a person is asked.
type question struct {
	text     string
	setting  string   // that the answer becomes, and that judges it; empty: Words do
	words    []string // the only answers
	fallback string   // of an empty answer
	needed   bool     // an empty answer is none
}

// asking reads answers, line by line, as long as the context lasts.
type asking struct {
	ctx context.Context
	env Env
}

// line reads one line. When the context ends the reading goes on until the process ends, which is soon.
func (q *asking) line() (string, error) {
	type answer struct {
		text string
		err  error
	}
	read := make(chan answer, 1)
	go func() {
		text, err := readLine(q.env.Stdin)
		read <- answer{text, err}
	}()
	select {
	case <-q.ctx.Done():
		return "", errUnasked
	case a := <-read:
		return q.judge(a.text, a.err)
	}
}

var errUnasked = &exitError{code: exitInterrupted, err: errors.New("interrupted; nothing was written")}

func (q *asking) judge(text string, err error) (string, error) {
	switch {
	case q.ctx.Err() != nil:
		return "", errUnasked
	case errors.Is(err, io.EOF) && text == "":
		return "", usageError(errors.New("there is no answer; nothing was written"))
	case err != nil && !errors.Is(err, io.EOF):
		return "", err
	}
	return strings.TrimSpace(text), nil
}

// secret reads one line without showing it.
func (q *asking) secret() (string, error) {
	text, err := q.env.ReadSecret(q.ctx)
	return q.judge(text, err)
}

// readLine takes a byte at a time, so that it takes nothing of what is read without being shown next.
func readLine(r io.Reader) (string, error) {
	var line []byte
	one := make([]byte, 1)
	for {
		n, err := r.Read(one)
		if n == 1 && one[0] != '\n' {
			line = append(line, one[0])
		}
		if err != nil || n == 1 && one[0] == '\n' {
			return string(line), err
		}
	}
}

// interview asks for what neither options nor files have given.
func (i *initializing) interview(ctx context.Context) error {
	env := i.app.env
	q := &asking{ctx, env}
	fmt.Fprintf(env.Stderr, "An empty answer takes what stands in brackets. Ctrl-C ends without writing anything.\n\n")
	put := func(one question) error { return i.put(q, one) }
	steps := []func() error{
		func() error {
			return put(question{text: "Address of the Magento shop", setting: "magento.store_url", needed: true})
		},
		func() error {
			return put(question{text: "Name of the shop, which names its folder", setting: "shop", fallback: shopName(i.values["magento.store_url"]), needed: true})
		},
		func() error { return i.askSignIn(q) },
		func() error {
			return put(question{text: "Store view whose prices, names and stock count (empty: the default one)", setting: "magento.store_code"})
		},
		func() error { return i.askStock(q) },
		func() error { return i.askYes(q, "Send all orders, not only completed ones", "sync.pullAllOrders") },
		func() error {
			return i.askYes(q, "Disable products in Optiply that are gone from the shop", "sync.sync_product_deletions")
		},
		func() error {
			return put(question{text: "Read orders from which date on, the first time", setting: "magento.start_date", fallback: "2024-01-01"})
		},
		func() error { return i.askOptiply(q) },
		func() error { return i.askSecrets(q) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	fmt.Fprintln(env.Stderr)
	return nil
}

// put asks for one setting, unless it is known, until the answer is one that it can have.
func (i *initializing) put(q *asking, one question) error {
	if _, known := i.values[one.setting]; known {
		return nil
	}
	answer, err := q.ask(one)
	if err == nil {
		i.values[one.setting] = answer
	}
	return err
}

func (q *asking) ask(one question) (string, error) {
	for {
		prompt := one.text
		if len(one.words) > 0 {
			prompt += " (" + strings.Join(one.words, ", ") + ")"
		}
		if one.fallback != "" {
			prompt += " [" + one.fallback + "]"
		}
		fmt.Fprintf(q.env.Stderr, "%s: ", prompt)
		answer, err := q.line()
		if err != nil {
			return "", err
		}
		if answer == "" {
			answer = one.fallback
		}
		switch {
		case answer == "" && one.needed:
			fmt.Fprintln(q.env.Stderr, "  This one is needed.")
			continue
		case len(one.words) > 0 && !slices.Contains(one.words, answer):
			fmt.Fprintf(q.env.Stderr, "  It is %s.\n", strings.Join(one.words, " or "))
			continue
		}
		if one.setting != "" {
			if err := config.CheckSetting(one.setting, answer); err != nil {
				fmt.Fprintf(q.env.Stderr, "  It %v.\n", err)
				continue
			}
		}
		return answer, nil
	}
}

func (i *initializing) askSignIn(q *asking) (err error) {
	if i.signIn == "" {
		i.signIn, err = q.ask(question{text: "How to sign in to Magento", words: []string{"token", "oauth", "password"}, fallback: "token"})
	}
	return err
}

func (i *initializing) askStock(q *asking) error {
	for _, name := range []string{"map_stockLevel", "use_inventory_source_items", "use_stock_statuses", "use_salable_quantity"} {
		if _, known := i.values["sync."+name]; known {
			return nil
		}
	}
	mode, err := q.ask(question{text: "Which stock is sent", words: []string{"salable", "physical", "warehouse", "off"}, fallback: "salable"})
	if err != nil {
		return err
	}
	if err := i.stock(mode); err != nil {
		return err
	}
	if mode != config.StockWarehouse {
		return nil
	}
	return i.put(q, question{text: "Codes of the sources, with commas (empty: all enabled ones)", setting: "sync.warehouse_ids"})
}

func (i *initializing) askYes(q *asking, text, setting string) error {
	if _, known := i.values[setting]; known {
		return nil
	}
	answer, err := q.ask(question{text: text, words: []string{"yes", "no"}, fallback: "no"})
	i.values[setting] = fmt.Sprint(answer == "yes")
	return err
}

func (i *initializing) askOptiply(q *asking) error {
	if _, known := i.values["optiply.base_url"]; !known && i.values["optiply.account_id"] == "" {
		answer, err := q.ask(question{text: "Optiply: your account, or the sandbox of this program to try with", words: []string{"account", "sandbox"}, fallback: "account"})
		if err != nil {
			return err
		}
		if answer == "sandbox" {
			i.values["optiply.base_url"] = config.SandboxURL
		}
	}
	if i.sandbox() {
		return nil
	}
	err := i.put(q, question{text: "Id of the Optiply account", setting: "optiply.account_id", needed: true})
	if err == nil {
		err = i.put(q, question{text: "Id of the coupling, under which Optiply keeps Magento's ids", setting: "optiply.coupling_id", needed: true})
	}
	return err
}

// askSecrets asks where secrets come from and, where that is files, for the secrets themselves, which are not shown.
func (i *initializing) askSecrets(q *asking) (err error) {
	if i.secrets == "" {
		i.secrets, err = q.ask(question{text: "Secrets from environment variables, or from files beside the configuration", words: []string{"env", "file"}, fallback: "env"})
	}
	if err != nil || i.secrets != "file" || i.app.env.ReadSecret == nil {
		return err
	}
	fmt.Fprintln(q.env.Stderr, "\nSecrets are not shown while you type. An empty answer leaves the file for you to write.")
	for _, name := range i.secretSettings() {
		if i.kept[name] != "" {
			continue
		}
		for {
			fmt.Fprintf(q.env.Stderr, "%s: ", name)
			text, err := q.secret()
			fmt.Fprintln(q.env.Stderr)
			if err != nil {
				return err
			}
			if err := config.CheckSetting(name, text); err != nil {
				fmt.Fprintf(q.env.Stderr, "  It %v.\n", err)
				continue
			}
			i.kept[name] = config.Secret(text)
			break
		}
	}
	return nil
}
