package commands

import (
	"testing"
	"time"
)

func TestParseDeadline_IsATimeOfTheDayADurationOrAnInstant(t *testing.T) {
	amsterdam, err := time.LoadLocation("Europe/Amsterdam")
	if err != nil {
		t.Skip("this machine knows no time zones")
	}
	at := func(text string) time.Time {
		t.Helper()
		at, err := time.ParseInLocation("2006-01-02 15:04", text, amsterdam)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	utc := func(text string) time.Time {
		t.Helper()
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for _, test := range []struct {
		text      string
		now, want time.Time
	}{
		{"", at("2026-11-24 02:00"), time.Time{}},
		{"06:00", at("2026-11-24 02:00"), at("2026-11-24 06:00")},
		{"6:00", at("2026-11-24 02:00"), at("2026-11-24 06:00")},
		{"06:00", at("2026-11-24 22:00"), at("2026-11-25 06:00")},
		{"06:00", at("2026-11-24 06:00"), at("2026-11-25 06:00")}, // the next such time is not now
		{"00:00", at("2026-12-31 23:59"), at("2027-01-01 00:00")},
		{" 23:30 ", at("2026-11-24 02:00"), at("2026-11-24 23:30")},
		{"90m", at("2026-11-24 02:00"), at("2026-11-24 03:30")},
		{"4h30m", at("2026-11-24 02:00"), at("2026-11-24 06:30")},
		{"2026-11-24T06:00:00+01:00", at("2026-11-24 02:00"), at("2026-11-24 06:00")},
		{"2026-11-23T06:00:00Z", at("2026-11-24 02:00"), at("2026-11-23 07:00")}, // over: nothing is begun
		// The night in which summer time begins has no 02:30, and the one in which it ends has two.
		{"02:30", at("2026-03-29 00:00"), utc("2026-03-29T01:30:00Z")},
		{"06:00", at("2026-03-29 00:00"), utc("2026-03-29T04:00:00Z")},
		{"02:30", at("2026-10-25 00:00"), utc("2026-10-25T00:30:00Z")},
		{"02:30", utc("2026-10-25T00:40:00Z").In(amsterdam), utc("2026-10-25T01:30:00Z")},
		{"06:00", at("2026-10-25 00:00"), utc("2026-10-25T05:00:00Z")},
	} {
		got, err := parseDeadline(test.text, test.now)
		if err != nil || !got.Equal(test.want) {
			t.Errorf("%q at %v is %v (%v), want %v", test.text, test.now, got, err, test.want)
		}
	}
	for _, text := range []string{"24:00", "06:60", "6", "0s", "-1h", "tomorrow", "06:00:00", "2026-11-24", "1d"} {
		if _, err := parseDeadline(text, at("2026-11-24 02:00")); exitCode(err) != exitUsage {
			t.Errorf("%q: %v, want a usage error", text, err)
		}
	}
}
