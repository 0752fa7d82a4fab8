// Package politeness keeps what is asked of a server within what it bears: how many requests at a time, and how many per second.
// It adapts within the configured limits: it grows by little steps while all is well and halves when the server refuses
// (429, 503) or takes too long, and obeys Retry-After for all callers.
//
// It is a package of its own because the two clients need the same and import nothing of each other, nor of ours but this:
// it knows no HTTP, no Magento and no Optiply, only callers, times and outcomes.
package politeness
