package commands

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"magento-optiply/recording"
	"magento-optiply/store"
)

// shortestKey is how many bytes a key must have; one that is short can be guessed, and with it whose a replacement is.
const shortestKey = 16

func (a *app) recordCommand() *cli.Command {
	id := &cli.StringFlag{Name: "run", Usage: "run `ID`; default the latest"}
	key := &cli.StringFlag{Name: "key", Usage: "a `FILE` with a secret, so that several recordings replace the same person by the same; default: a new one each time"}
	return &cli.Command{
		Name:      "record",
		Usage:     "make a fixture set of a run, with personal data replaced, so that the same night can be run again",
		ArgsUsage: "DIR",
		Flags:     []cli.Flag{id, key},
		Action: func(c *cli.Context) error {
			args, err := a.trailingOptions(c)
			if err != nil {
				return err
			}
			if len(args) != 1 {
				return usageError(errors.New("record takes one folder, which it makes: `magento-optiply record DIR`"))
			}
			secret, err := readKey(c.String("key"))
			if err != nil {
				return err
			}
			return a.record(c.Context, c.String("run"), args[0], secret)
		},
	}
}

// readKey reads the secret by which personal data is replaced, or makes one that nobody keeps.
func readKey(path string) ([]byte, error) {
	if path == "" {
		return []byte(rand.Text() + rand.Text()), nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, usageError(fmt.Errorf("--key: %w", err))
	}
	if len(text) < shortestKey {
		return nil, usageError(fmt.Errorf("--key %s: it needs %d bytes or more, such as those of `openssl rand -hex 32`", path, shortestKey))
	}
	sum := sha256.Sum256(text)
	return sum[:], nil
}

func (a *app) record(ctx context.Context, id, dir string, key []byte) error {
	shop, err := a.shopToRead()
	if err != nil {
		return err
	}
	ref, err := findRun(shop, id)
	if err != nil {
		return err
	}
	run, err := shop.OpenRun(ctx, ref, store.Options{Run: store.Read})
	if err != nil {
		return err
	}
	result, err := recordRun(ctx, run, dir, key)
	var not *recording.NotEmptyError
	var cannot *recording.NotRecordableError
	if errors.As(err, &not) || errors.As(err, &cannot) {
		err = usageError(err)
	}
	if err := errors.Join(err, run.Close()); err != nil {
		return err
	}
	for _, lost := range result.Lost {
		a.log.Warn("run again, the night can differ: " + lost)
	}
	records, bytes := 0, int64(0)
	for _, s := range result.Streams {
		records, bytes = records+s.Records, bytes+s.Bytes
	}
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	a.log.Info("recorded", "run", run.ID, "streams", len(result.Streams), "records", records, "bytes", bytes)
	a.log.Info("in a folder without a configuration file, the same night again: magento-optiply run --dry-run --fixtures " + dir)
	fmt.Fprintln(a.env.Stdout, dir)
	return nil
}

func recordRun(ctx context.Context, run *store.Run, dir string, key []byte) (*recording.Result, error) {
	var address string
	err := run.DB.QueryRowContext(ctx, "SELECT coalesce(max(value), '') FROM run.settings WHERE name = 'magento.store_url'").Scan(&address)
	if err != nil {
		return nil, fmt.Errorf("read run.settings: %w", err)
	}
	host := ""
	if u, err := url.Parse(address); err == nil {
		host = u.Hostname()
	}
	own, err := ownSQL(ctx, run.DB)
	if err != nil {
		return nil, err
	}
	return recording.Write(ctx, run, dir, recording.NewMask(key, host), own)
}
