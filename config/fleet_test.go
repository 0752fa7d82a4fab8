package config_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"magento-optiply/config"
)

func TestFleet_NeedsNoShopAndADatabase(t *testing.T) {
	_, err := config.Parse([]byte("fleet:\n  database: ${file:none}\n"), "fleet.yaml", config.Options{Fleet: true})
	if err == nil || !strings.Contains(err.Error(), "fleet.yaml:2:13: fleet.database needs the file") {
		t.Fatalf("got %v", err)
	}
	if _, err = config.Parse([]byte("fleet:\n  parallel: 3\n"), "fleet.yaml", config.Options{Fleet: true}); err == nil || !strings.Contains(err.Error(), "fleet.database is missing") {
		t.Fatalf("got %v", err)
	}
	c, err := config.Parse([]byte("fleet:\n  database: postgres://fleet:hunter2@db/fleet\n  lease: 30s\n"), "fleet.yaml", config.Options{Fleet: true})
	if err != nil || c.Fleet.Lease != 30*time.Second || c.Fleet.Parallel != 2 || c.Fleet.Retries != 5 {
		t.Fatalf("%v, %v", c, err)
	}
	if text := fmt.Sprint(c) + fmt.Sprintf("%+v", c.Fleet); strings.Contains(text, "hunter2") {
		t.Errorf("the password of the database is printed:\n%s", text)
	}
}

func TestFleet_WrongValuesAreNamedWithoutThem(t *testing.T) {
	for line, says := range map[string]string{
		"database: mysql://root:hunter2@db/x": "must be sqlite:PATH or postgres://",
		"database: 'sqlite:'":                 "must name a file",
		"storage: ftp://user:hunter2@x":       "must be file:///PATH or s3://BUCKET",
		"host: Big.Host":                      "small letters and digits",
		"parallel: 0":                         "from 1 to 256",
		"lease: 0s":                           "must be a duration of 5s or longer",
		"lease: 4900ms":                       "must be a duration of 5s or longer",
	} {
		_, err := config.Parse([]byte("fleet:\n  "+line+"\n"), "fleet.yaml", config.Options{Fleet: true})
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", line, err)
		}
	}
}

func TestSchedule_IsOfTheShopAndOfNoRun(t *testing.T) {
	c, err := config.Parse([]byte("shop: a\nschedule:\n  all: 0 2 * * *\n  stocks: \"*/30 * * * *\"\n"), "a.yaml", config.Options{NoMagento: true, NoOptiply: true})
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(c.Schedule.Entries())
	if want := "[{schedule.all  0 2 * * *} {schedule.stocks stocks */30 * * * *}]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, s := range c.Settings() {
		if strings.HasPrefix(s.Name, "schedule.") || strings.HasPrefix(s.Name, "fleet.") {
			t.Errorf("a run keeps %s", s.Name)
		}
	}
}
