package commands

import (
	"strings"
	"testing"

	"magento-optiply/store"
)

func TestShare_DividesWhatDuckDBMayTake(t *testing.T) {
	for _, test := range []struct {
		all   store.Limits
		shops int
		want  store.Limits
	}{
		{store.Limits{Threads: 8}, 4, store.Limits{MemoryMB: min(250, store.MemoryLimitMB), Threads: 2}},
		{store.Limits{MemoryMB: 4000, Threads: 2}, 4, store.Limits{MemoryMB: 1000, Threads: 1}},
		{store.Limits{Threads: 1}, 1, store.Limits{MemoryMB: store.MemoryLimitMB, Threads: 1}},
		{store.Limits{MemoryMB: 64, Threads: 1}, 1, store.Limits{MemoryMB: 64, Threads: 1}},
	} {
		if got, err := share(test.all, test.shops); err != nil || got != test.want {
			t.Errorf("%v among %d: %v, %v; want %v", test.all, test.shops, got, err, test.want)
		}
	}
	if got, err := share(store.Limits{MemoryMB: 300}, 2); err != nil || got.Threads != 1 {
		t.Errorf("150 MB a shop: %v, %v; want one thread", got, err)
	}
	if _, err := share(store.Limits{}, 40); exitCode(err) != exitUsage || !strings.Contains(err.Error(), "2560MB") {
		t.Errorf("40 shops in 1 GB: %v", err)
	}
}

func TestWorst_AnUnknownCodeCountsAsFailed(t *testing.T) {
	if gravity(77) != gravity(exitFailed) || gravity(-1) != gravity(exitFailed) {
		t.Error("a code that is none of ours is not taken for a failure")
	}
	for _, code := range []int{exitDone, exitFailed, exitUsage, exitIncomplete, exitLocked, exitHeldBack, exitDeadline, exitInterrupted} {
		if verdictOf(code) == "failed" != (code == exitFailed) {
			t.Errorf("exit code %d is called %q", code, verdictOf(code))
		}
	}
}
