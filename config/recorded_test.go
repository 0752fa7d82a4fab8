package config_test

import (
	"strings"
	"testing"

	"magento-optiply/config"
)

func TestRecorded_GivesBackWhatDecidesTheDiff(t *testing.T) {
	t.Parallel()
	c := config.Default()
	c.Magento.StoreIDs, c.Magento.PageSize, c.Magento.Concurrency = []string{"1", "nl"}, 7, 9
	c.Sync.WarehouseIDs, c.Sync.MaxDeletionsPercent, c.Sync.PullAllOrders = []string{"a", "b/é"}, 2.5, true
	c.Magento.StoreURL = "https://shop.example"
	settings := map[string]string{"sync.not_known": "x"}
	for _, s := range c.Settings() {
		settings[s.Name] = s.Value
	}
	got, err := config.Recorded(settings)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range got.Settings() {
		if config.Keeps(s.Name) && s.Value != settings[s.Name] {
			t.Errorf("%s is %q, want %q", s.Name, s.Value, settings[s.Name])
		}
	}
	if got.Magento.StoreURL != "" || got.Magento.Concurrency == 9 || !got.Optiply.Sandbox() {
		t.Errorf("settings that do not belong to a recording: %+v", got)
	}
	_, err = config.Recorded(map[string]string{"sync.order_lines": "both"})
	if err == nil || !strings.Contains(err.Error(), "sync.order_lines: must be") {
		t.Errorf("error %v", err)
	}
}
