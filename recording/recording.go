// Package recording makes a fixture set of a finished run, and gives a shop's folder the state that such a run began with:
// what `record` writes, and `run --fixtures` goes on from.
//
// It is a package of its own because it is neither reading a shop nor sending: it turns the tables of a run file back into the
// shop that they were read from, so that the ordinary client, asking it again, ends with the same diff. A recorded set has
// these beside the files that magentotest serves:
//
//	run.json              the run: its id, its parts, the settings that its diff depends on, the hash of its plan
//	state/*.ndjson[.zst]  what Optiply was known to hold, the bookmarks and the rows that waited, when the run began
//
// Personal data is replaced on the way (invariant 6; see Mask), and no secret and no address of the shop is in a run file's
// records to begin with, or it is replaced too.
package recording

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"magento-optiply/config"
)

// version is that of run.json.
const version = 1

// AccessToken is what a recorded shop is read with. It was made up.
const AccessToken = "recorded-token"

// Night is run.json: the run that was recorded.
type Night struct {
	Version  int       `json:"version"`
	Run      string    `json:"run"`
	Shop     string    `json:"shop"`
	Now      time.Time `json:"now"` // the shop's clock
	Full     bool      `json:"products_full"`
	PlanHash string    `json:"plan_hash,omitempty"`
	// StateChanges is the number of the newest change that the run knew of.
	StateChanges int64 `json:"state_changes"`
	// Settings decide the diff; Parts say what the run was started for, under the names of run.settings.
	Settings map[string]string `json:"settings"`
	Parts    map[string]string `json:"parts"`
}

// Read reads run.json. A fixture set that was not recorded has none: then it answers nil.
func Read(fsys fs.FS) (*Night, error) {
	text, err := fs.ReadFile(fsys, "run.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the recording: %w", err)
	}
	var n Night
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&n); err != nil {
		return nil, fmt.Errorf("run.json: %w", err)
	}
	if n.Version > version {
		return nil, fmt.Errorf("run.json has version %d, and this program knows up to %d: use the newer program that recorded it", n.Version, version)
	}
	return &n, nil
}

// Config is the configuration to run the night again where there is no other: the demo's, with the recorded settings.
func (n *Night) Config() (*config.Config, error) {
	cfg, err := config.Recorded(n.Settings)
	if err != nil {
		return nil, fmt.Errorf("run.json: %w", err)
	}
	return cfg, nil
}

// Differs names the settings of a configuration that are not as recorded, with both values.
func (n *Night) Differs(cfg *config.Config) []string {
	var names []string
	for _, s := range cfg.Settings() {
		was, recorded := n.Settings[s.Name]
		if recorded && was != s.Value && config.DecidesDiff(s.Name) {
			names = append(names, fmt.Sprintf("%s: %s (recorded: %s)", s.Name, orNone(s.Value), orNone(was)))
		}
	}
	return names
}

func orNone(text string) string {
	if strings.TrimSpace(text) == "" {
		return "nothing"
	}
	return text
}
