package config

import (
	"fmt"
	"slices"
	"strings"
)

// DecidesDiff tells the settings that a run's diff depends on from those that only say where, how fast and by whom.
func DecidesDiff(name string) bool {
	return strings.HasPrefix(name, "sync.") || slices.Contains([]string{"magento.store_code", "magento.store_id", "magento.start_date", "magento.full_every",
		"magento.end_date", "magento.overlap", "magento.lag", "magento.streams", "magento.product_attributes", "load.recreate_missing"}, name)
}

// Keeps tells the settings that a recording of a run keeps: those that decide the diff, and the size of the pages.
func Keeps(name string) bool {
	return DecidesDiff(name) || name == "magento.page_size" || name == "magento.source_items_page_size"
}

// Recorded is Demo with the settings of a recorded run, by name. Those that it does not keep, or that this version does not
// know, are left out; those that the recording lacks have their defaults.
func Recorded(settings map[string]string) (*Config, error) {
	c := Demo()
	wait := c.Magento.RetryWait
	c.Magento, c.Sync = Default().Magento, Default().Sync
	c.Magento.RetryWait = wait
	for _, s := range c.settings() {
		value, ok := settings[s.name]
		if !ok || !Keeps(s.name) {
			continue
		}
		if err := s.value.set(value); err != nil {
			return nil, fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return c, nil
}
