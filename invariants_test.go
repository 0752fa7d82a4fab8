package main_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestInvariants_EachIsCitedWhereItIsEnforcedAndHasItsTest holds section 10 of DESIGN.md together: for each invariant, a
// comment that cites it in the program, and a test that fails when it is broken.
func TestInvariants_EachIsCitedWhereItIsEnforcedAndHasItsTest(t *testing.T) {
	tests := map[int]struct{ file, name string }{
		1:  {"kill_test.go", "TestKill_NothingIsLostNothingIsTwice"},
		2:  {"load/fault_test.go", "TestLoad_NothingIsLostOrSentTwice"},
		3:  {"behaviour_test.go", "TestDeletions_NeedACompleteListing"},
		4:  {"night_test.go", "TestNights_EverySetting"},
		5:  {"transform/transform_test.go", "TestRun_IsRepeatable"},
		6:  {"invariants_test.go", "TestSecretsAndPeople_AreInNothingThatARunLeaves"},
		7:  {"politeness/politeness_test.go", "TestPoliteness_AsksAShopThatSlowsDownLess"},
		8:  {"load/send_test.go", "TestLoad_ARefusedRowIsNamedAndTheOthersGoOn"},
		9:  {"store/lock_test.go", "TestLock_ASecondProcessIsToldWhoHoldsIt"},
		10: {"night_test.go", "TestNights_EverySetting"},
	}
	program := source(t)
	for number, test := range tests {
		if !regexp.MustCompile(fmt.Sprintf(`[Ii]nvariants?\s(\d+\sand\s)?%d\b`, number)).MatchString(program) {
			t.Errorf("no comment of the program cites invariant %d", number)
		}
		data, err := os.ReadFile(test.file)
		if err != nil || !bytes.Contains(data, []byte("func "+test.name+"(")) {
			t.Errorf("invariant %d: %s has no %s", number, test.file, test.name)
		}
	}
}

// source is the text of the program, without its tests.
func source(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, "_test.go") || !strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, ".sql") {
			return err
		}
		data, err := os.ReadFile(path)
		all.Write(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// TestSecretsAndPeople_AreInNothingThatARunLeaves reads every byte of a shop's folder and of what a night says.
func TestSecretsAndPeople_AreInNothingThatARunLeaves(t *testing.T) {
	t.Parallel()
	s := newShop(t, "", "access_token: s3cret-magento\nusername: s3cret-user\npassword: s3cret-password\ncustom_cookies: {gate: s3cret-cookie}")
	r := s.must(3, "--log-level", "debug", "run", "--fixtures", night(1))
	orders, err := os.ReadFile(filepath.Join(night(1), "orders.ndjson"))
	if err != nil {
		t.Fatal(err)
	}
	forbidden := []string{"s3cret-magento", "s3cret-user", "s3cret-password", "s3cret-cookie", "demo-token", "customer_email", "customer_firstname", "remote_ip"}
	for _, m := range regexp.MustCompile(`"(?:customer_email|street|telephone|customer_lastname)":\[?"([^"]{4,})"`).FindAllSubmatch(orders, -1) {
		forbidden = append(forbidden, string(m[1]))
	}
	if len(forbidden) < 10 {
		t.Fatal("the fixture has no people in it, so nothing would be tested")
	}
	lacks(t, "the log", []byte(r.stdout+r.stderr), forbidden)
	folderLacks(t, filepath.Join(s.dir, "data"), forbidden)
}

func lacks(t *testing.T, where string, data []byte, words []string) {
	t.Helper()
	for _, word := range words {
		if bytes.Contains(data, []byte(word)) {
			t.Errorf("%s holds %q", where, word)
		}
	}
}

// folderLacks reads every byte of a folder.
func folderLacks(t *testing.T, dir string, words []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		lacks(t, filepath.Base(path), data, words)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
