package config_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"magento-optiply/config"
)

// secretNames are all settings that hold secrets.
var secretNames = []string{
	"magento.access_token", "magento.username", "magento.password", "magento.consumer_key",
	"magento.consumer_secret", "magento.access_token_secret", "magento.custom_cookies",
	"optiply.client_id", "optiply.client_secret", "optiply.username", "optiply.password",
	"alerts.heartbeat_url", "alerts.webhook_url",
}

// secretValue draws text that is in no error and no name by chance.
func secretValue() *rapid.Generator[string] {
	return rapid.StringMatching(`SECRET-[a-z0-9:# ,{}\[\]"'%@/\\]{8,20}-X`)
}

// forms are the ways in which a value gets into a log line or onto a screen.
func forms(t *rapid.T, v any) []string {
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("config", "v", v)
	}
	asJSON, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	out := []string{log.String(), string(asJSON), string(asYAML)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%T", "%10s", "%c"} {
		out = append(out, fmt.Sprintf(verb, v))
	}
	return out
}

// shows tells whether text holds the secret, bare or as the forms encode it.
func shows(text, secret string) bool {
	hidden := []string{secret, strconv.Quote(secret), fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret), secret[:12]}
	return slices.ContainsFunc(hidden, func(s string) bool { return strings.Contains(text, s) })
}

// Invariant 6: secrets reach no log, settings table, report or fixture.
func TestInvariant6_NoPrintedFormShowsASecret(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := config.Default()
		c.Shop = "demo"
		drawn := make([]string, len(secretNames))
		for i := range drawn {
			drawn[i] = secretValue().Draw(t, secretNames[i])
		}
		m, o, al := &c.Magento, &c.Optiply, &c.Alerts
		for i, to := range []*config.Secret{
			&m.AccessToken, &m.Username, &m.Password, &m.ConsumerKey, &m.ConsumerSecret, &m.AccessTokenSecret,
			&o.ClientID, &o.ClientSecret, &o.Username, &o.Password,
		} {
			*to = config.Secret(drawn[i])
		}
		al.HeartbeatURL, al.WebhookURL = config.Secret(drawn[11]), config.Secret(drawn[12])
		m.CustomCookies = map[string]config.Secret{"gate": config.Secret(drawn[10])}

		printed := append(forms(t, c), forms(t, *c)...)
		printed = append(printed, forms(t, c.Magento)...)
		printed = append(printed, forms(t, []any{m.Password, &m.Password, m.CustomCookies})...)
		printed = append(printed, c.YAML(), fmt.Sprint(c.Settings()))
		for _, text := range printed {
			for i, s := range drawn {
				if shows(text, s) {
					t.Fatalf("secret %d (%q) shows in\n%s", i, s, text)
				}
			}
		}
	})
}

// Wherever a secret is put, rightly or by mistake, literally or by reference, no
// error repeats it; nor does a configuration in which it fits a secret setting.
func TestInvariant6_NoErrorShowsASecret(t *testing.T) {
	settings := slices.Concat(secretNames, settingNames())
	rapid.Check(t, func(t *rapid.T) {
		secret := secretValue().Draw(t, "secret")
		name := rapid.SampledFrom(settings).Draw(t, "setting")
		written := rapid.SampledFrom([]string{"'${S}'", "['${S}']", "{'x': '${S}'}", "'https://u:${S}@host'", "'a${S}b'"}).Draw(t, "written")
		if slices.Contains(secretNames, name) {
			literal := strconv.Quote(secret)
			written = rapid.SampledFrom([]string{written, literal, "[" + literal + "]", "{x: " + literal + "}", literal + literal, literal + ": x", "!!int " + literal, "\"" + secret, "&" + literal, "{x: [" + literal}).Draw(t, "written")
		}
		section, key, nested := strings.Cut(name, ".")
		text := section + ": " + written + "\n"
		if nested {
			text = section + ":\n  " + key + ": " + written + "\n"
		}
		options := config.Options{NoMagento: true, Env: env(map[string]string{"S": secret})}
		c, err := config.Parse([]byte(text), "shop.yaml", options)
		if err != nil && (shows(err.Error(), secret) || shows(fmt.Sprintf("%+v %#v", err, err), secret)) {
			t.Fatalf("%s\ngives\n%v", text, err)
		}
		if err == nil && slices.Contains(secretNames, name) && shows(c.YAML()+fmt.Sprint(c.Settings()), secret) {
			t.Fatalf("%s\ngives\n%s", text, c.YAML())
		}
	})
}

func settingNames() []string {
	var names []string
	for _, s := range config.Default().Settings() {
		names = append(names, s.Name)
	}
	return names
}

func TestSecret_ShowsWhetherItIsSet(t *testing.T) {
	for secret, want := range map[config.Secret]string{"": "", "s": "***"} {
		if got := secret.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := config.Secret("s").Reveal(); got != "s" {
		t.Errorf("got %q", got)
	}
}

func TestSettings_AreAllSettingsButSecrets(t *testing.T) {
	var want []string
	section := ""
	for line := range strings.Lines(config.Example()) {
		key := regexp.MustCompile(`^( *)(\w+):`).FindStringSubmatch(line)
		switch {
		case key == nil:
		case key[1] != "":
			want = append(want, section+"."+key[2])
		case key[2] == "shop" || key[2] == "data_dir":
			want = append(want, key[2])
		default:
			section = key[2]
		}
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, slices.Sorted(slices.Values(config.Names()))); diff != "" {
		t.Errorf("example.yaml and the table of settings differ: %s", diff)
	}
	want = slices.DeleteFunc(want, func(name string) bool {
		return strings.HasPrefix(name, "fleet.") || strings.HasPrefix(name, "schedule.")
	})
	got := slices.Concat(settingNames(), secretNames)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("example.yaml and the settings differ: %s", diff)
	}
	if names := settingNames(); !slices.IsSorted(names) {
		t.Errorf("not sorted: %v", names)
	}
}

func TestSettings_AreText(t *testing.T) {
	c := parse(t, minimal+"magento: {store_id: [1, nl], end_date: 2025-01-01, full_every: 90m, password: p, start_date: ''}", config.Options{NoMagento: true})
	c.Magento.StoreURL = "https://user:hidden@shop.example/x" // not by way of Parse, which refuses it
	got := map[string]string{}
	for _, s := range c.Settings() {
		got[s.Name] = s.Value
	}
	want := map[string]string{
		"shop": "demo", "sync.map_stockLevel": "true", "magento.store_id": "1,nl", "magento.end_date": "2025-01-01T00:00:00Z",
		"magento.start_date": "", "magento.full_every": "1h30m", "magento.lag": "1m", "magento.requests_per_second": "0",
		"magento.store_url": "https://shop.example/x", "optiply.base_url": "sandbox", "sync.max_deletions_percent": "10",
		"magento.page_size": "300", "optiply.account_id": "98",
	}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s: got %q, want %q", name, got[name], value)
		}
	}
}

// What is printed can be read again, and means the same but for the secrets.
func TestYAML_ReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := config.Demo()
		line := rapid.StringMatching(`[ -~é]{0,12}|null|~|\$\$?\{X\}|\*\*\*|'"`)
		item := rapid.StringMatching(`[!-+\--~]{1,8}`)
		c.Magento.UserAgent = line.Draw(t, "user agent")
		c.Sync.WarehouseIDs = rapid.SliceOfNDistinct(item, 1, 3, rapid.ID[string]).Draw(t, "warehouses")
		c.Magento.StartDate = rapid.SampledFrom([]time.Time{{}, time.Date(2025, 1, 2, 3, 4, 5, 0, time.UTC)}).Draw(t, "start")
		c.Magento.RetryWait = rapidDuration().Draw(t, "wait")
		c.Magento.Password = config.Secret(rapid.SampledFrom([]string{"", "***"}).Draw(t, "password"))
		c.Magento.CustomCookies = map[string]config.Secret{"a": "***", "$x": "***", "empty": ""}

		got, err := config.Parse([]byte(c.YAML()), "printed.yaml", config.Options{NoMagento: true})
		if err != nil {
			t.Fatalf("%v\n%s", err, c.YAML())
		}
		if diff := cmp.Diff(c, got); diff != "" {
			t.Fatalf("%s\n%s", diff, c.YAML())
		}
	})
}
