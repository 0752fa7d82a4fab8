// Package check looks whether a night would work with a configuration: the shop's folder, the way to the shop and to Optiply, and
// what each of them allows. It asks little, writes nothing, and goes on after a check that failed wherever that tells more.
package check

import (
	"context"
	"crypto/tls"
	"net"
	"time"

	"magento-optiply/config"
	"magento-optiply/magento"
	"magento-optiply/optiply"
	"magento-optiply/store"
)

// Verdict is how one check ended.
type Verdict string

// The verdicts. Only Failed means that a night would fail, or leave out what the settings ask for.
const (
	OK      Verdict = "ok"
	Warning Verdict = "warning"
	Failed  Verdict = "failed"
	Skipped Verdict = "skipped"
)

// Result is one row of the table. It holds no secret.
type Result struct {
	Check      string  `json:"check"`
	Verdict    Verdict `json:"verdict"`
	Found      string  `json:"found"`
	ToDo       string  `json:"to_do,omitempty"`
	Endpoint   string  `json:"endpoint,omitempty"`   // of Magento, where one was asked
	Permission string  `json:"permission,omitempty"` // of Magento, that is missing
}

// Job is what is to be looked at.
type Job struct {
	Config *config.Config
	Now    func() time.Time
	Folder *store.Shop // made by store.At

	// Magento and Optiply are clients that do not retry; nil: not asked, for the reason in NoMagento and NoOptiply.
	Magento            *magento.Client
	Optiply            *optiply.Client
	NoMagento          string
	NoOptiply          string
	MagentoClock       *Clock
	OptiplyClock       *Clock
	Recorded           bool // the shop is a fixture set, served on this machine
	Sandbox            bool // Optiply is the sandbox
	Before             func(check string)
	Resolver           *net.Resolver
	TLS                *tls.Config // for tests; nil: the system's certificates
	results            []Result
	state              int64 // products that the state says are in Optiply; -1 where it cannot be read
	views              []view
	websites           []website
	selling            string // a website that sells from a stock, where MSI tells one
	storesTold, signed bool
	halt               string // why the shop is not asked any further
}

// Run makes all checks.
func (j *Job) Run(ctx context.Context) []Result {
	j.state = -1
	j.checkFolder(ctx)
	j.checkShop(ctx)
	j.checkOptiply(ctx)
	return j.results
}

// begin tells whoever watches what is looked at now.
func (j *Job) begin(check string) {
	if j.Before != nil {
		j.Before(check)
	}
}

func (j *Job) add(r Result) { j.results = append(j.results, r) }

func (j *Job) ok(check, found string) { j.add(Result{Check: check, Verdict: OK, Found: found}) }

func (j *Job) skip(check, why string) { j.add(Result{Check: check, Verdict: Skipped, Found: why}) }

func (j *Job) warn(check, found, todo string) {
	j.add(Result{Check: check, Verdict: Warning, Found: found, ToDo: todo})
}

func (j *Job) fail(check, found, todo string) {
	j.add(Result{Check: check, Verdict: Failed, Found: found, ToDo: todo})
}
