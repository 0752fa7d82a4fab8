package commands

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"magento-optiply/config"
)

// asked lets `init` ask somebody who answers with lines, and with secrets.
func asked(t *testing.T, ctx context.Context, lines string, secrets []string, args ...string) (path, said string, code int) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "shop.yaml")
	var stdout, stderr bytes.Buffer
	env := Env{Stdin: strings.NewReader(lines), Stdout: &stdout, Stderr: &stderr, StdinTerminal: true, StderrTerminal: true, Width: 80, Now: time.Now,
		LookupEnv: func(string) (string, bool) { return "", false },
		ReadSecret: func(context.Context) (string, error) {
			secret := secrets[0]
			secrets = secrets[1:]
			return secret, nil
		}}
	code = Run(ctx, env, append([]string{"magento-optiply", "init", "--config", path}, args...))
	if stdout.Len() > 0 {
		t.Errorf("stdout is for data: %s", &stdout)
	}
	return path, stderr.String(), code
}

func TestInit_AsksUntilAnAnswerIsOneThatTheSettingCanHave(t *testing.T) {
	lines := []string{"", "ftp://shop.example", "shop.example", "", "maybe", "password", "", "warehouse", "main, north", "yes", "", "soon", "2025-02-01", "", "x", "98", "4711", "file"}
	secrets := []string{"s3cret-user", "s3cret-word", "s3cret-id", "s3cret-client", "s3cret-person", ""}
	path, said, code := asked(t, t.Context(), strings.Join(lines, "\n")+"\n", secrets)
	if code != 0 {
		t.Fatalf("exit code %d\n%s", code, said)
	}
	for _, words := range []string{"This one is needed", "It must begin with https://", "It is token or oauth or password", "[shop-example]", "It must be a date", "optiply_password"} {
		if !strings.Contains(said, words) {
			t.Errorf("nothing says %q:\n%s", words, said)
		}
	}
	if strings.Contains(said, "s3cret") {
		t.Errorf("a secret was shown:\n%s", said)
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "secrets/shop-example/optiply_password"), []byte("by hand\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(path, config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if c.Shop != "shop-example" || c.Magento.Password.Reveal() != "s3cret-word" || c.Magento.SignIn() != config.SignInPassword || c.Sync.StockMode() != config.StockWarehouse ||
		len(c.Sync.WarehouseIDs) != 2 || !c.Sync.PullAllOrders || c.Sync.SyncProductDeletions || c.Optiply.AccountID != 98 || c.Optiply.Password.Reveal() != "by hand" {
		t.Errorf("read back: %s", c)
	}
}

func TestInit_AsksOnlyWhatIsNotKnown(t *testing.T) {
	path, said, code := asked(t, t.Context(), "\n\nsandbox\n\n", nil, "--store-url", "shop.example", "--shop", "north", "--sign-in", "token", "--stock", "salable", "--store-code", "",
		"--start-date", "2025-01-01")
	if code != 0 || strings.Contains(said, "Address of") || !strings.Contains(said, "Send all orders") {
		t.Fatalf("exit code %d\n%s", code, said)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	if _, said, code := asked(t, t.Context(), "", nil, "--store-url", "shop.example", "--sandbox", "--no-input"); code != 0 || strings.Contains(said, "?") {
		t.Errorf("--no-input: exit code %d\n%s", code, said)
	}
}

func TestInit_WithoutAnAnswerOrInterruptedWritesNothing(t *testing.T) {
	path, said, code := asked(t, t.Context(), "shop.example\n", nil)
	if code != 2 || !strings.Contains(said, "nothing was written") {
		t.Errorf("the input ended: exit code %d\n%s", code, said)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file was written")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, said, code := asked(t, ctx, "shop.example\n", nil); code != 130 || !strings.Contains(said, "nothing was written") {
		t.Errorf("interrupted: exit code %d\n%s", code, said)
	}
}
