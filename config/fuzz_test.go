package config_test

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"

	"magento-optiply/config"
)

func rapidDuration() *rapid.Generator[time.Duration] {
	return rapid.Custom(func(t *rapid.T) time.Duration {
		unit := rapid.SampledFrom([]time.Duration{1, time.Millisecond, time.Second, time.Minute, time.Hour}).Draw(t, "unit")
		return unit * time.Duration(rapid.IntRange(1, 500).Draw(t, "count"))
	})
}

// FuzzParse: any file gives a configuration that prints and reads back, or an
// *Error with a place in the file; nothing panics.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		config.Example(), minimal, "", "---", "a: *x", "? [a]\n: b", "<<: {shop: x}", "shop: !!str x", "\xef\xbb\xbfshop: x\r\n",
		"magento:\n  custom_cookies: {a: ${X}, b: $${X}, c: \"${file:none}\"}", "shop: >-\n  a\n  b\n", "%YAML 1.2\n---\nshop: x",
		"- a\n- b", "shop", "magento: {store_id: [[1]]}", "{", "sync: {skip_order_states: [new, , ~]}", ": x",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		options := config.Options{NoMagento: true, Env: env(map[string]string{"X": "a: b"})}
		c, err := config.Parse(data, "shop.yaml", options)
		var typed *config.Error
		switch {
		case err == nil:
			if c.YAML() == "" || len(c.Settings()) == 0 {
				t.Error("prints nothing")
			}
		case !errors.As(err, &typed) || len(typed.Problems) == 0 || err.Error() == "":
			t.Errorf("not a *config.Error with a problem: %v", err)
		}
	})
}
