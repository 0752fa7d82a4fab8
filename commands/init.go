package commands

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"magento-optiply/config"
)

func (a *app) initCommand() *cli.Command {
	var i initializing
	return &cli.Command{
		Name:      "init",
		Usage:     "write a commented configuration: asks on a terminal, else takes the options",
		ArgsUsage: "[TENANT-CONFIG.JSON]",
		Description: "The file is the one that --config names (default ./" + defaultConfig + "). The file refers to secrets as environment " +
			"variables, or as files beside it (--secrets file); no option takes one. docs/init.md tells more.",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "from-hotglue", Usage: "translate the tap's settings in `FILE` (config.json); the notebook's (tenant-config.json) as an argument, or with a second --from-hotglue"},
			&cli.StringFlag{Name: "shop", Usage: "`NAME` of the shop, which names its folder; default from the address"},
			&cli.StringFlag{Name: "data-dir", Usage: "`DIR` of the shops' folders"},
			&cli.StringFlag{Name: "store-url", Usage: "`ADDRESS` of the Magento shop"},
			&cli.StringFlag{Name: "sign-in", Usage: "`WAY` to sign in to Magento: token, oauth or password"},
			&cli.StringFlag{Name: "store-code", Usage: "`CODE` of the store view whose values and stock count"},
			&cli.StringFlag{Name: "stock", Usage: "`MODE` of the stock: salable, physical, warehouse, listing or off"},
			&cli.StringFlag{Name: "warehouse-ids", Usage: "source `CODES`, with --stock warehouse; default all enabled ones"},
			&cli.StringFlag{Name: "start-date", Usage: "`DATE` from which on orders are read by the first run"},
			&cli.StringFlag{Name: "account-id", Usage: "`ID` of the Optiply account"},
			&cli.StringFlag{Name: "coupling-id", Usage: "`ID` of the Optiply coupling"},
			&cli.BoolFlag{Name: "sandbox", Usage: "the sandbox of this program as Optiply, which needs no account"},
			&cli.StringSliceFlag{Name: "set", Usage: "any other `SETTING=VALUE`, such as sync.sync_product_deletions=true; can be repeated"},
			&cli.StringFlag{Name: "secrets", Usage: "where secrets are taken `FROM`: env or file; env is ${NAME} and the default, file ${file:...}"},
			&cli.BoolFlag{Name: "force", Usage: "write over files that are there"},
			&cli.BoolFlag{Name: "no-input", Usage: "ask nothing, on a terminal too"},
		},
		Action: func(c *cli.Context) error {
			args, err := a.trailingOptions(c)
			if err != nil {
				return err
			}
			i.app = a
			if err := i.read(c, args); err != nil {
				return err
			}
			return i.run(c.Context)
		},
	}
}

// initializing is one call of `init`.
type initializing struct {
	app     *app
	hotglue []string // files to translate
	secrets string   // env, file
	signIn  string   // token, oauth, password
	force   bool
	ask     bool
	typed   map[string]bool // settings that the command line gives, which nobody is asked for

	values map[string]string        // settings by name
	kept   map[string]config.Secret // secrets that are to be written to files
	notes  []config.Note
	taken  int
}

// settingOptions are the options that stand for one setting.
func settingOptions() map[string]string {
	return map[string]string{"shop": "shop", "data-dir": "data_dir", "store-url": "magento.store_url", "store-code": "magento.store_code",
		"start-date": "magento.start_date", "warehouse-ids": "sync.warehouse_ids", "account-id": "optiply.account_id", "coupling-id": "optiply.coupling_id"}
}

// read takes the options, and what the files of --from-hotglue say where the options say nothing.
func (i *initializing) read(c *cli.Context, args []string) error {
	i.values, i.kept, i.typed = map[string]string{}, map[string]config.Secret{}, map[string]bool{}
	i.hotglue = append(c.StringSlice("from-hotglue"), args...)
	if len(args) > 0 && len(c.StringSlice("from-hotglue")) == 0 {
		return usageError(fmt.Errorf("init takes no argument but files after --from-hotglue, and got %q", args[0]))
	}
	if err := i.translate(); err != nil {
		return err
	}
	for _, option := range slices.Sorted(maps.Keys(settingOptions())) {
		if c.IsSet(option) {
			if err := i.give("--"+option, settingOptions()[option], c.String(option)); err != nil {
				return err
			}
		}
	}
	for _, text := range c.StringSlice("set") {
		name, value, ok := strings.Cut(text, "=")
		if !ok {
			return usageError(fmt.Errorf("--set %s: write SETTING=VALUE, such as sync.sync_product_deletions=true", text))
		}
		if config.IsSecret(name) {
			return usageError(fmt.Errorf("--set %s: a secret is not given on the command line, where others see it; --secrets says where it is taken from", name))
		}
		if err := i.give("--set", name, value); err != nil {
			return err
		}
	}
	if c.Bool("sandbox") {
		i.values["optiply.base_url"], i.typed["optiply.base_url"] = config.SandboxURL, true
	}
	if mode := c.String("stock"); mode != "" {
		if err := i.stock(mode); err != nil {
			return usageError(fmt.Errorf("--stock %s: %w", mode, err))
		}
	}
	i.secrets, i.force = c.String("secrets"), c.Bool("force")
	if i.secrets != "" && i.secrets != "env" && i.secrets != "file" {
		return usageError(fmt.Errorf("--secrets %s: it is env or file", i.secrets))
	}
	if way := c.String("sign-in"); way != "" {
		i.signIn = way
	}
	if !slices.Contains([]string{"", config.SignInToken, config.SignInOAuth, config.SignInPassword}, i.signIn) {
		return usageError(fmt.Errorf("--sign-in %s: it is token, oauth or password", i.signIn))
	}
	i.ask = i.app.env.StdinTerminal && i.app.env.StderrTerminal && !c.Bool("no-input")
	return nil
}

func (i *initializing) give(option, setting, value string) error {
	if err := config.CheckSetting(setting, value); err != nil {
		return usageError(fmt.Errorf("%s: %s %w", option, setting, err))
	}
	i.values[setting], i.typed[setting] = value, true
	return nil
}

// stock sets the flags that a stock mode is made of.
func (i *initializing) stock(mode string) error {
	flags := map[string][4]string{ // map_stockLevel, use_inventory_source_items, use_stock_statuses, use_salable_quantity
		config.StockSalable: {"true", "false", "true", "true"}, config.StockPhysical: {"true", "false", "true", "false"},
		config.StockWarehouse: {"true", "true", "true", "true"}, config.StockListing: {"true", "false", "false", "true"},
		config.StockOff: {"false", "false", "true", "true"},
	}
	set, ok := flags[mode]
	if !ok {
		return errors.New("it is salable, physical, warehouse, listing or off")
	}
	for n, name := range []string{"map_stockLevel", "use_inventory_source_items", "use_stock_statuses", "use_salable_quantity"} {
		i.values["sync."+name], i.typed["sync."+name] = set[n], true
	}
	return nil
}

// translate reads the files of --from-hotglue.
func (i *initializing) translate() error {
	if len(i.hotglue) == 0 {
		return nil
	}
	var files []config.HotglueFile
	for _, name := range i.hotglue {
		data, err := os.ReadFile(name)
		if err != nil {
			return usageError(fmt.Errorf("--from-hotglue: %w", err))
		}
		files = append(files, config.HotglueFile{Name: name, Data: data})
	}
	t, err := config.FromHotglue(files...)
	if err != nil {
		return usageError(fmt.Errorf("--from-hotglue: %w", err))
	}
	i.values, i.kept, i.notes, i.taken = t.Values, t.Secrets, t.Notes, t.Taken
	switch {
	case i.values["magento.use_oauth"] == "true":
		i.signIn = config.SignInOAuth
	case i.kept["magento.username"] != "" && i.kept["magento.password"] != "":
		i.signIn = config.SignInPassword
	case i.kept["magento.access_token"] != "":
		i.signIn = config.SignInToken
	}
	return nil
}

func (i *initializing) run(ctx context.Context) error {
	path := i.app.configPath
	if !i.force && exists(path) {
		return usageError(fmt.Errorf("%s is there already: name another file with --config, or write over it with --force", path))
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		return usageError(fmt.Errorf("there is no folder %s to write %s to", filepath.Dir(path), filepath.Base(path)))
	}
	if i.ask {
		if err := i.interview(ctx); err != nil {
			return err
		}
	}
	if err := i.complete(); err != nil {
		return err
	}
	text, files, err := i.compose(path)
	if err != nil {
		return err
	}
	if err := i.write(path, text, files); err != nil {
		return err
	}
	i.tell(path, files)
	return nil
}

// complete fills in what follows from the rest, and says what is missing.
func (i *initializing) complete() error {
	if i.values["shop"] == "" {
		i.values["shop"] = shopName(i.values["magento.store_url"])
	}
	if i.signIn == "" {
		i.signIn = config.SignInToken
	}
	if i.secrets == "" {
		i.secrets = "env"
	}
	i.values["magento.use_oauth"] = fmt.Sprint(i.signIn == config.SignInOAuth)
	var missing []string
	for _, need := range []struct{ setting, option string }{{"magento.store_url", "--store-url"}, {"shop", "--shop"}} {
		if i.values[need.setting] == "" {
			missing = append(missing, need.option)
		}
	}
	if !i.sandbox() {
		for _, need := range []struct{ setting, option string }{{"optiply.account_id", "--account-id"}, {"optiply.coupling_id", "--coupling-id"}} {
			if i.values[need.setting] == "" {
				missing = append(missing, need.option)
			}
		}
	}
	if len(missing) > 0 {
		hint := "on a terminal it asks"
		if !i.sandbox() && slices.Contains(missing, "--account-id") {
			hint = "--sandbox takes the place of an Optiply account; " + hint
		}
		return usageError(fmt.Errorf("still to be given: %s (%s)", strings.Join(missing, ", "), hint))
	}
	return nil
}

func (i *initializing) sandbox() bool { return i.values["optiply.base_url"] == config.SandboxURL }

var notInName = regexp.MustCompile(`[^A-Za-z0-9]+`)

// shopName makes a folder's name of a shop's address: www.shop.example becomes shop-example.
func shopName(address string) string {
	if address == "" {
		return ""
	}
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	name := strings.Trim(notInName.ReplaceAllString(strings.TrimPrefix(strings.ToLower(u.Hostname()), "www."), "-"), "-")
	return name[:min(len(name), 64)]
}

// secretSettings are the secrets that the file has to name: those of the sign-in and of Optiply, and the cookies that are known.
func (i *initializing) secretSettings() []string {
	ways := map[string][]string{
		config.SignInToken:    {"access_token"},
		config.SignInPassword: {"username", "password"},
		config.SignInOAuth:    {"consumer_key", "consumer_secret", "access_token", "access_token_secret"},
	}
	var names []string
	for _, key := range ways[i.signIn] {
		names = append(names, "magento."+key)
	}
	if !i.sandbox() {
		names = append(names, "optiply.client_id", "optiply.client_secret", "optiply.username", "optiply.password")
	}
	for _, name := range slices.Sorted(maps.Keys(i.kept)) {
		if strings.HasPrefix(name, "magento.custom_cookies.") {
			names = append(names, name)
		}
	}
	return names
}

var notInVariable = regexp.MustCompile(`[^A-Za-z0-9]+`)

// variable is the environment variable of a secret: MAGENTO_ACCESS_TOKEN.
func variable(setting string) string {
	setting = strings.Replace(setting, "custom_cookies", "cookie", 1)
	return strings.ToUpper(strings.Trim(notInVariable.ReplaceAllString(setting, "_"), "_"))
}

// compose is the text of the configuration, and the secrets by the files that it names.
func (i *initializing) compose(path string) (text string, files map[string]config.Secret, err error) {
	values := map[string]config.Written{}
	for _, name := range []string{"access_token", "username", "password", "consumer_key", "consumer_secret", "access_token_secret"} {
		values["magento."+name] = config.Written{}
	}
	for _, name := range []string{"client_id", "client_secret", "username", "password", "account_id", "coupling_id"} {
		values["optiply."+name] = config.Written{}
	}
	for name, value := range i.values {
		values[name] = config.Written{Text: value}
	}
	files, pending := map[string]config.Secret{}, map[string]string{}
	for _, name := range i.secretSettings() {
		reference := "${" + variable(name) + "}"
		if i.secrets == "file" {
			file := filepath.ToSlash(filepath.Join("secrets", i.values["shop"], strings.ToLower(variable(name))))
			files[file], pending[file] = i.kept[name], "a secret"
			reference = "${file:" + file + "}"
		}
		values[name] = config.Written{Text: reference, Reference: true}
	}
	text, err = config.Fill(values)
	if err != nil {
		return "", nil, usageError(err)
	}
	text = i.head() + text
	// What is written is read first, as strictly as a run does.
	known := func(string) (string, bool) { return "a secret", true }
	if _, err := config.Parse([]byte(text), path, config.Options{Env: known, Files: pending}); err != nil {
		return "", nil, usageError(fmt.Errorf("nothing was written, because these settings are not right:\n%w", err))
	}
	return text, files, nil
}

// head is what the file begins with: where it came from.
func (i *initializing) head() string {
	text := "# Written by magento-optiply init. `magento-optiply check` tells whether it works.\n"
	if len(i.notes) > 0 {
		text += "# Of the old settings these were not taken over, or mean something else here:\n"
		for _, n := range i.notes {
			text += "#   " + printable(n.Key+": "+n.Text) + "\n"
		}
	}
	return text + "\n"
}

// write puts secrets into files that only this user can read, then the configuration. Nothing is written over without --force.
func (i *initializing) write(path, text string, files map[string]config.Secret) error {
	dir := filepath.Dir(path)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !i.force && exists(filepath.Join(dir, name)) && files[name] != "" {
			return usageError(fmt.Errorf("%s is there already: write over it with --force", filepath.Join(dir, name)))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if files[name] == "" {
			continue // to be written by hand
		}
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			return fmt.Errorf("write the secrets: %w", err)
		}
		if err := replace(file, files[name].Reveal()+"\n", 0o600); err != nil {
			return fmt.Errorf("write the secrets: %w", err)
		}
	}
	if i.force {
		return replace(path, text, 0o640)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if errors.Is(err, fs.ErrExist) {
		return usageError(fmt.Errorf("%s is there already: write over it with --force", path))
	}
	if err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// replace writes a file whole or not at all.
func replace(path, text string, mode os.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".init-*")
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
